"""The strategy `grounded`: a model writes, code cites, verifies and completes."""

import pytest

from agent.answering.prompts.grounded import SYSTEM
from agent.engine.scripted import ScriptedEngine
from agent.schemas import Answer
from tests.agent.answering.asking import ANYTHING, Load, ask, ask_with_events, blocks, quotes, says, steps

HEALTH = """# Health

## States

The service has these states:

- loading, while it reads the weights
- ready, when it answers
- draining, when it stops
- failed, after 3 errors

## Codes

The codes are:

| Code | Meaning |
| --- | --- |
| 200 | the service is ready |
| 503 | the service is loading |

## Restart

To restart the service:

1. Drain it with `drain`.
2. Stop it with `kill`.
3. Start it with `start`.
"""
STATES = "List all the states of the service"
WRITTEN = """The service has these states:

- loading: it reads the weights [1]
- ready: it answers
- draining: it stops
- failed: after 3 errors
"""


async def answered(load: Load, text: str, question: str = STATES, **fields: object) -> Answer:
    """What becomes of the text of a model, from one document."""
    return await ask(load(says(text), {"health.md": HEALTH}, **ANYTHING), question, mode="grounded", **fields)


async def test_a_list_is_shown_with_a_citation_for_each_item(load: Load) -> None:
    """The numbers are ours; the introduction states nothing by itself."""
    answer = await answered(load, WRITTEN)
    assert (
        "The service has these states:\n\n- loading: it reads the weights [1]\n- ready: it answers [2]\n"
        "- draining: it stops [3]\n- failed: after 3 errors [4]"
    ) == answer.answer
    assert ["paragraph", "item", "item", "item", "item"] == [block.kind for block in answer.blocks]
    assert [
        "loading, while it reads the weights", "ready, when it answers", "draining, when it stops",
        "failed, after 3 errors",
    ] == quotes(answer)  # fmt: skip
    assert (None, True) == (answer.blocks[0].support, all((block.support or 0) >= 0.5 for block in answer.blocks[1:]))
    assert (True, ("verifier", "model")) == (answer.grounded, steps(answer)[-1])


async def test_an_unsupported_block_is_dropped_and_named_in_the_trace(load: Load) -> None:
    """Also an unsupported sentence of a paragraph, and an item with an invented number."""
    kept = "The service is ready, when it answers."
    text = f"{kept} It was sold in Paris.\n\n- sleeping at night\n- failed, after 9 errors\n"
    answer = await answered(load, text)
    assert [("paragraph", kept, [1])] == blocks(answer)[:1]
    assert ["It was sold in Paris.", "sleeping at night", "failed, after 9 errors"] == answer.trace[-1].details[
        "dropped"
    ]
    assert not any(word in answer.answer for word in ("Paris", "sleeping", "9"))


async def test_a_list_that_is_told_for_the_most_part_is_completed_from_the_source(load: Load) -> None:
    """In the source's words, with its citation; the trace counts what was added."""
    text = "- loading: it reads the weights\n- ready: it answers\n- draining: it stops\n"
    answer = await answered(load, text)
    assert ("item", "failed, after 3 errors", [4]) == blocks(answer)[-1]
    assert (("verifier", "model+extract"), 1) == (steps(answer)[-1], answer.trace[-1].details["completed"])
    assert [0, 1] == [
        (await answered(load, text)).trace[-1].details["completed"] for text in ("- ready: it answers\n", text)
    ]


async def test_steps_stay_numbered_when_one_is_dropped(load: Load) -> None:
    """And the one that the model left out is added as a step."""
    text = "1. Drain it with `drain`.\n2. Paint it green.\n3. Start it with `start`.\n"
    answer = await answered(load, text, "How do I restart the service?")
    assert (
        "1. Drain it with `drain`. [1]\n2. Start it with `start`. [2]\n3. Stop it with `kill`. [3]"
    ) == answer.answer  # fmt: skip


async def test_a_table_keeps_its_header_and_the_rows_that_stand(load: Load) -> None:
    """The numbers stand in the last cell."""
    table = "| Code | Meaning |\n|---|---|\n| 200 | the service is ready |\n| 404 | the service is lost |\n"
    answer = await answered(load, f"The codes are:\n\n{table}", "Which codes are there, in a table?")
    assert "The codes are:\n\n| Code | Meaning |\n| --- | --- |\n| 200 | the service is ready [1] |" == answer.answer


async def test_a_block_may_rest_on_several_spans(load: Load) -> None:
    """Each is cited."""
    answer = await answered(load, "The service is draining when it stops, and failed after 3 errors.")
    (block,) = answer.blocks
    assert len(block.citations) >= 1
    assert "draining, when it stops" in "\n".join(quotes(answer))
    assert "failed, after 3 errors" in "\n".join(quotes(answer))


@pytest.mark.parametrize("text", ["Bananas are yellow.", "", "[1]", "It has 99 states:\n\n- sleeping\n", "## States\n"])
async def test_quotes_take_the_place_of_a_model_that_says_nothing_that_stands(load: Load, text: str) -> None:
    """In generative there is none instead."""
    answer = await answered(load, text)
    assert (False, ("verifier", "extract")) == (answer.abstained, steps(answer)[-1])
    assert HEALTH[HEALTH.index("The service has") : HEALTH.index("\n\n## Codes")] == quotes(answer)[0]
    loaded = load(says(text), {"health.md": HEALTH}, **ANYTHING)
    refused = await ask(loaded, STATES, mode="generative")
    assert (True, "unsupported", [], ("verifier", "abstained")) == (
        refused.abstained, refused.reason, refused.citations, steps(refused)[-1],
    )  # fmt: skip
    assert refused.nearest


async def test_an_introduction_without_anything_behind_it_is_not_shown(load: Load) -> None:
    """Neither a heading nor a sentence that ends in a colon, nor one with a number that no document has."""
    text = "It is asleep:\n\n- sleeping\n\nThere are 17:\n\n- ready: it answers\n\n## Sleep\n\n- asleep\n"
    answer = await answered(load, text)
    assert "- ready: it answers [1]" == answer.answer


async def test_an_introduction_goes_with_what_it_introduced(load: Load) -> None:
    """It is not put before something else when that has been dropped; a heading stands for all below it."""
    text = (
        "## States\n\nThe service has these states:\n\n- sleeping\n- dozing\n\nThe service is ready, when it answers.\n"
    )
    answer = await answered(load, text)
    assert "### States\n\nThe service is ready, when it answers. [1]" == answer.answer
    first_dropped = await answered(load, "The service has these states:\n\n- sleeping\n- ready: it answers\n")
    assert "The service has these states:\n\n- ready: it answers [1]" == first_dropped.answer


async def test_the_model_reads_whole_passages_and_the_shape_that_is_asked_for(load: Load) -> None:
    """Under their heads, between marks, best first; then the question, and how to answer it."""
    engine = says(WRITTEN)
    await ask(load(engine, {"health.md": HEALTH}, **ANYTHING), STATES, mode="grounded")
    (prompt,) = engine.prompts
    assert prompt.startswith(SYSTEM["en"])
    assert "- loading, while it reads the weights\n- ready, when it answers\n" in prompt
    assert "| 503 | the service is loading |" in prompt
    assert prompt.rstrip().endswith(f"Question: {STATES}\n\nAnswer with a bulleted list that names every item.")


async def test_of_passages_that_are_too_long_the_better_half_is_read(load: Load) -> None:
    """Until they fit."""
    documents = {f"{name}.md": f"# {name}\n\n{name} oak is {'very ' * 40}hard.\n" for name in ("Red", "White", "Black")}
    engine = ScriptedEngine(lambda _prompt: "Red oak is very hard.", context_length=260)
    answer = await ask(
        load(engine, documents, max_tokens=100, context_tokens=2000, **ANYTHING), "Is red oak very hard?"
    )
    answerer = next(step for step in answer.trace if step.name == "answerer")
    assert 1 == len(engine.prompts)
    assert answerer.details["passages"] < 3
    assert ("Red oak is very hard. [1]", "Red") == (answer.answer, answer.citations[0].title)


@pytest.mark.parametrize(
    ("question", "most"), [("Which code means ready?", 320), ("How do I restart the service?", 640)]
)
async def test_the_shape_decides_how_long_an_answer_may_be(load: Load, question: str, most: int) -> None:
    """Unless the request or the deployment says it."""
    endless = " ".join(str(number) for number in range(2000))
    documents = {"health.md": HEALTH}
    cut = await ask(load(says(endless), documents, **ANYTHING), question, mode="grounded")
    assert (most, "cut") == (cut.usage.completion_tokens, next(x for x in cut.trace if x.name == "answerer").decision)
    for loaded, fields in (
        (load(says(endless), documents, max_tokens=7, **ANYTHING), {}),
        (load(says(endless), documents, **ANYTHING), {"max_tokens": 7}),
    ):
        assert 7 == (await ask(loaded, question, mode="grounded", **fields)).usage.completion_tokens


async def test_the_draft_is_shown_as_it_grows(load: Load) -> None:
    """All of it, as the model writes it."""
    loaded = load(says(WRITTEN), {"health.md": HEALTH}, **ANYTHING)
    _answer, events = await ask_with_events(loaded, STATES, mode="grounded")
    assert WRITTEN == "".join(event.text for event in events if event.type == "delta")


async def test_a_spanish_question_is_asked_in_spanish(load: Load) -> None:
    """Of English documents, too; what the model says is verified across the languages."""
    engine = says("El servicio tiene 3 errores.")
    loaded = load(engine, {"health.md": HEALTH}, **ANYTHING)
    answer = await ask(loaded, "¿Cuáles son los estados del servicio?", mode="grounded")
    (prompt,) = engine.prompts
    assert prompt.startswith(SYSTEM["es"])
    assert "Responde con una lista de viñetas" in prompt
    assert "es" == answer.language
