"""The strategy `short`: an adapter that was trained to read, and models that were not."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from agent.answering.prompts.short import template_hash
from agent.engine.provenance import Provenance
from agent.engine.scripted import ScriptedEngine
from agent.schemas import Answer
from tests.agent.answering.asking import (
    ADAPTERS,
    ASK_BOTH,
    ASK_PORT,
    PORT,
    SERVER,
    Load,
    ask,
    blocks,
    quotes,
    says,
    steps,
)


def reads(text: str, least_certainty: float = 0.8, least_picking: float = 0.0) -> ScriptedEngine:
    """An adapter named ask, the default one, that is believed as far as its doubt is small."""
    reader = {
        "bias": 0.0, "retrieval": 0.0, "nothing": -0.5, "certainty": 0.0, "agrees": 0.0,
        "least_certainty": least_certainty, "least_picking": least_picking,
    }  # fmt: skip
    known = Provenance("scripted", "", template_hash(), "", 0, "2026-11-24", {}, {}, {"en": reader})
    return ScriptedEngine(lambda _prompt: text, adapters=("ask", "other"), provenances={"ask": known})


def few_words(words: str) -> str:
    """An answer in these words, with the unit that they stand in below them."""
    return f"{words} [1]\n\n{SERVER} [2]"


async def test_a_reader_answers_in_a_few_words_and_the_unit_that_they_stand_in(load: Load) -> None:
    """The words cite their sentence; the confidence is what the adapter's calibration makes of it."""
    answer = await ask(load(reads("port 8000 [1]")), ASK_PORT)
    assert (few_words("port 8000"), [PORT, SERVER], "ask") == (answer.answer, quotes(answer), answer.adapter)
    assert answer.confidence > 0.9
    assert ("verifier", "model+extract") == steps(answer)[-1]
    assert ("short", "the adapter was trained for it") == why(answer)


async def test_in_generative_the_words_stand_alone(load: Load) -> None:
    """Nothing is quoted that the model has not said."""
    answer = await ask(load(reads("port 8000 [1]")), ASK_PORT, mode="generative")
    assert [("paragraph", "port 8000", [1])] == blocks(answer)
    assert [PORT] == quotes(answer)


@pytest.mark.parametrize("text", ["port 8000 [1]", "port 9999 [1]"], ids=["uncertain", "not in the sentence"])
async def test_the_unit_is_quoted_when_a_reader_s_words_are_not_good_enough(load: Load, text: str) -> None:
    """Too uncertain for its calibration, or not what the sentence says; the picked sentence is said once."""
    answer = await ask(load(reads(text, least_certainty=1.01 if "8000" in text else 0.8)), ASK_PORT)
    assert (f"{SERVER} [1]", ("verifier", "extract")) == (answer.answer, steps(answer)[-1])


async def test_the_picked_sentence_comes_first_when_it_is_in_no_unit(load: Load) -> None:
    """Here one of another document, which is in another language."""
    answer = await ask(load(reads("port 9999 [3]")), ASK_PORT)
    picked = "El servidor HTTP escucha en el puerto 8000 por defecto."
    assert f"The documents say:\n\n{picked} [1]\n\n{SERVER} [2]" == answer.answer


async def test_a_reader_may_pick_another_sentence_than_the_ranking(load: Load) -> None:
    """It was trained to."""
    answer = await ask(load(reads("X-API-KEY [2]")), ASK_PORT)
    assert (few_words("X-API-KEY"), "The key goes in X-API-KEY.") == (answer.answer, quotes(answer)[0])


async def test_a_reader_that_is_too_uncertain_to_pick_leaves_it_to_the_ranking(load: Load) -> None:
    """Its words do not count then either."""
    answer = await ask(load(reads("X-API-KEY [2]", least_certainty=1.01, least_picking=1.01)), ASK_PORT)
    assert f"{SERVER} [1]" == answer.answer


async def test_a_reader_that_finds_nothing_is_believed(load: Load) -> None:
    """The documents are about the question, and do not answer it."""
    answer = await ask(load(reads("[0]")), ASK_PORT)
    assert (True, "unsupported", "nothing") == (answer.abstained, answer.reason, answer.trace[3].decision)
    assert answer.confidence < 0.1
    assert PORT in [one.text for one in answer.nearest]


async def test_two_questions_in_one_are_quoted_without_a_reader(load: Load) -> None:
    """It answers one question in the fewest words."""
    engine = reads("port 8000 [1]")
    answer = await ask(load(engine), ASK_BOTH)
    assert (f"{SERVER} [1]\n\n{ADAPTERS} [2]", []) == (answer.answer, engine.prompts)


async def test_a_list_is_quoted_without_a_reader(load: Load) -> None:
    """It was trained to say one fact."""
    engine = reads("port 8000 [1]")
    answer = await ask(load(engine), "List all that the HTTP server listens on by default, as port 8000")
    assert ([], ("context", "short"), ("verifier", "extract")) == (engine.prompts, steps(answer)[2], steps(answer)[3])


async def test_an_adapter_without_calibration_is_treated_like_the_base(load: Load) -> None:
    """And so is the base itself: what it says stands or falls, and nothing is made of what it finds."""
    loaded = load(reads("[0]"))
    for adapter in ("other", None):
        answer = await ask(loaded, ASK_PORT, adapter=adapter)
        assert (f"{SERVER} [1]", "grounded") == (answer.answer, why(answer)[0])
        answer = await ask(loaded, ASK_PORT, adapter=adapter, mode="short")
        assert (f"{SERVER} [1]", "short") == (answer.answer, why(answer)[0])


async def test_an_adapter_for_another_prompt_is_warned_of(load: Load) -> None:
    """It is loaded all the same."""
    engine = reads("port 8000 [1]")
    engine.provenances["ask"] = replace(engine.provenances["ask"], prompt="another")
    with capture_logs() as lines:
        answer = await ask(load(engine), ASK_PORT)
    assert few_words("port 8000") == answer.answer
    assert [("adapter.prompt_changed", "ask")] == [
        (line["event"], line["adapter"]) for line in lines if line["log_level"] == "warning"
    ]


async def test_an_adapter_that_was_calibrated_for_another_version_is_warned_of(load: Load) -> None:
    """And treated like one that was not calibrated."""
    engine = reads("[0]")
    engine.provenances["ask"] = replace(engine.provenances["ask"], reader={"en": {"bias": 1.0}})
    with capture_logs() as lines:
        answer = await ask(load(engine), ASK_PORT)
    assert f"{SERVER} [1]" == answer.answer
    assert [("adapter.calibration_changed", "ask")] == [
        (line["event"], line["adapter"]) for line in lines if line["log_level"] == "warning"
    ]


async def test_an_adapter_that_comes_while_the_engine_runs_is_read_by_its_calibration(load: Load) -> None:
    """As one that was there at the start."""
    engine = reads("port 8000 [1]")
    loaded = load(engine)
    engine.adapters = (*engine.adapters, "new")
    engine.provenances["new"] = engine.provenances["ask"]
    assert few_words("port 8000") == (await ask(loaded, ASK_PORT, adapter="new")).answer


# ------------------------------------------------------------------ without such an adapter


async def test_a_wording_stands_on_the_sentence_that_ranking_has_first(load: Load) -> None:
    """With the unit below it; a small model picks worse evidence than the ranking does, so another sentence is not
    taken.
    """
    answer = await ask(load(says("port 8000 [1]")), ASK_PORT, mode="short")
    assert (few_words("port 8000"), ("verifier", "model")) == (answer.answer, steps(answer)[-1])
    other = await ask(load(says("X-API-KEY [2]")), ASK_PORT, mode="short")
    assert (f"{SERVER} [1]", ("verifier", "extract")) == (other.answer, steps(other)[-1])


async def test_a_small_model_without_an_adapter_is_quoted_from(load: Load) -> None:
    """In auto it is not asked at all; in generative its words are what is wanted."""
    engine = says("port 8000 [1]", parameters=135_000_000)
    loaded = load(engine)
    answer = await ask(loaded, ASK_PORT)
    assert (f"{SERVER} [1]", [], "the model has 135 million parameters") == (
        answer.answer,
        engine.prompts,
        why(answer)[1],
    )
    assert "port 8000 [1]" == (await ask(loaded, ASK_PORT, mode="generative")).answer


async def test_the_deployment_may_name_the_strategy(load: Load) -> None:
    """And a request another one."""
    loaded = load(says("port 8000 [1]"), answer_strategy="short")
    answer = await ask(loaded, ASK_PORT)
    assert (few_words("port 8000"), ("short", "ANSWER_STRATEGY names it")) == (answer.answer, why(answer))
    other = await ask(loaded, ASK_PORT, mode="extractive")
    assert (f"{SERVER} [1]", ("extractive", "the request names it")) == (other.answer, why(other))


def why(answer: Answer) -> tuple[str, str]:
    """The strategy, and why it was taken."""
    context = next(step for step in answer.trace if step.name == "context")
    return context.decision, context.details["why"]
