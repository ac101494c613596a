"""What the strategy `short` asks of the engine, and what becomes of its tokens."""

import math
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.answering.prompts.short import NOTHING
from agent.answering.strategies.short_draft import Draft, ShortAnswerer
from agent.engine.base import Sampling, TokenDelta
from agent.engine.scripted import ScriptedEngine
from agent.retrieval.evidence import Evidence
from agent.schemas import AskRequest
from tests.fakes.evidence import evidence, evidence_in, passage

FOUND = passage("The port is 8000.", "`PORT` changes it.", "The key is secret.", "It is long.", "It is old.", "It is.")
EVIDENCE = evidence_in(FOUND)
SENTENCES = 4


class WatchedEngine(ScriptedEngine):
    """Remembers how it was asked to sample."""

    def __init__(self, text: str) -> None:
        super().__init__(lambda _prompt: text)
        self.samplings: list[Sampling] = []

    def generate(
        self, prompt_ids: Sequence[int], sampling: Sampling, adapter: str | None, **others: Any
    ) -> AsyncGenerator[TokenDelta, None]:
        self.samplings.append(sampling)
        return super().generate(prompt_ids, sampling, adapter, **others)


async def draft(
    engine: ScriptedEngine, evidence: Sequence[Evidence] = EVIDENCE, context_tokens: int = 1024, **fields: object
) -> tuple[Draft, str]:
    """The draft, and what the caller saw of it."""
    shown: list[str] = []
    request = AskRequest.model_validate({"question": "Which port is it?", **fields})
    answerer = ShortAnswerer(engine, SENTENCES, context_tokens, 96)
    return await answerer.draft(request, evidence, None, "en", shown.append), "".join(shown)


async def test_the_model_reads_the_best_evidence_only() -> None:
    """As many sentences as the setting says, as the request wants them sampled."""
    engine = WatchedEngine("8000 [1]")
    made, _shown = await draft(engine, [evidence("Elsewhere.", source="b.md"), *EVIDENCE], temperature=0.5, seed=3)
    (sampling,) = engine.samplings
    assert "It is long." not in engine.prompts[0]
    assert SENTENCES == len(made.allowed)
    assert (96, 0.5, 3) == (sampling.max_tokens, sampling.temperature, sampling.seed)


async def test_what_the_model_picked_comes_first() -> None:
    """The other sentences keep their order behind it."""
    made, shown = await draft(WatchedEngine("The key is secret. [3]"))
    assert ("The key is secret.", "The key is secret.", 3) == (made.reading.text, shown, made.reading.picked)
    assert (EVIDENCE[2], EVIDENCE[0], EVIDENCE[1], EVIDENCE[3]) == made.allowed


@pytest.mark.parametrize("text", ["The port is 8000.", "The port is 8000. [9]", "The port is 8000. [x]"])
async def test_a_pick_that_is_none_changes_nothing(text: str) -> None:
    """No number, one that stands for nothing, or something else in brackets."""
    made, _shown = await draft(WatchedEngine(text))
    assert EVIDENCE[:SENTENCES] == made.allowed


async def test_a_model_that_finds_nothing_says_so() -> None:
    """The caller sees no word of it; how sure it is, is known either way."""
    made, shown = await draft(WatchedEngine("[0]"))
    assert ("", "", NOTHING, 1.0) == (made.reading.text, shown, made.reading.picked, made.reading.nothing)
    assert made.reading.finds_nothing
    found, _shown = await draft(WatchedEngine("8000 [1]"))
    assert (0.0, False) == (found.reading.nothing, found.reading.finds_nothing)


async def test_the_wording_has_the_mean_probability_of_its_tokens() -> None:
    """The geometric one, so that a long answer is not less certain for its length."""

    class Wavering(ScriptedEngine):
        async def generate(
            self, prompt_ids: Sequence[int], sampling: Sampling, adapter: str | None, **_: Any
        ) -> AsyncGenerator[TokenDelta, None]:
            yield TokenDelta(0, "8000 ", logprob=math.log(0.9))
            yield TokenDelta(1, "[1]", "stop", logprob=math.log(0.4))

    made, _shown = await draft(Wavering())
    assert pytest.approx(0.6) == made.reading.certainty


@given(text=st.text(alphabet="[]12 aB.\n", min_size=1, max_size=40))
async def test_the_caller_sees_the_wording_as_it_grows(text: str) -> None:
    """Whatever is generated: the pieces join to what the draft is checked for, and nothing is taken back."""
    made, shown = await draft(WatchedEngine(text))
    assert made.reading.text == shown.strip()


async def test_a_draft_says_how_it_ended_and_what_it_cost() -> None:
    """Complete when the model stopped by itself; tokens of prompt and answer are counted."""
    whole, _ = await draft(WatchedEngine("The port is 8000. [1]"))
    cut, _ = await draft(WatchedEngine("The port is 8000. [1]"), max_tokens=3)
    assert (True, 5) == (whole.reading.complete, whole.reading.usage.completion_tokens)
    assert (False, 3) == (cut.reading.complete, cut.reading.usage.completion_tokens)
    assert whole.reading.usage.prompt_tokens > 20


async def test_a_third_sentence_ends_the_generation() -> None:
    """It is not worth waiting for, and the engine is told to stop."""
    engine = WatchedEngine("One is here. Two is here. Three is here. Four is here. Five is here. [1]")
    made, _ = await draft(engine)
    assert (False, 1) == (made.reading.complete, engine.cancelled)
    assert made.reading.text.startswith("One is here. Two is here. Three")
    assert "Four" not in made.reading.text
