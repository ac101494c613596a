"""What is asked of the engine, and what becomes of its tokens."""

from collections.abc import AsyncGenerator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.answerer import ALLOWED_EVIDENCE, Answerer, Draft
from agent.engine.base import Sampling, TokenDelta
from agent.engine.scripted import ScriptedEngine
from agent.retrieval.evidence import Evidence
from agent.schemas import AskRequest
from tests.fakes.evidence import evidence, evidence_in, passage

FOUND = passage("The port is 8000.", "`PORT` changes it.", "The key is secret.", "It is long.", "It is old.", "It is.")
EVIDENCE = evidence_in(FOUND)


class WatchedEngine(ScriptedEngine):
    """Remembers how it was asked to sample."""

    def __init__(self, text: str) -> None:
        super().__init__(lambda _prompt: text)
        self.samplings: list[Sampling] = []

    def generate(
        self, prompt_ids: Sequence[int], sampling: Sampling, adapter: str | None
    ) -> AsyncGenerator[TokenDelta, None]:
        self.samplings.append(sampling)
        return super().generate(prompt_ids, sampling, adapter)


async def draft(
    engine: ScriptedEngine, evidence: Sequence[Evidence] = EVIDENCE, context_tokens: int = 1024, **fields: object
) -> tuple[Draft, str]:
    """The draft, and what the caller saw of it."""
    shown: list[str] = []
    request = AskRequest.model_validate({"question": "Which port is it?", **fields})
    answerer = Answerer(engine, context_tokens, 96)
    return await answerer.draft(request, [FOUND], evidence, "en", shown.append), "".join(shown)


async def test_the_model_may_begin_with_the_best_evidence_only() -> None:
    """With the numbers of the first few sentences that are in the prompt, and of no others."""
    engine = WatchedEngine("[2] `PORT` changes it.")
    elsewhere = evidence("Not in the prompt.", source="b.md")
    await draft(engine, [elsewhere, *reversed(EVIDENCE)], temperature=0.5, seed=3, max_tokens=7)
    (sampling,) = engine.samplings
    assert ALLOWED_EVIDENCE == 4
    assert tuple(tuple(engine.encode(f"[{number}]")) for number in (6, 5, 4, 3)) == sampling.choices
    assert (7, 0.5, 3) == (sampling.max_tokens, sampling.temperature, sampling.seed)


async def test_what_the_model_picked_comes_first() -> None:
    """The other allowed sentences keep their order behind it."""
    made, shown = await draft(WatchedEngine("[3] The key is secret."))
    assert ("The key is secret.", "The key is secret.") == (made.text, shown)
    assert [EVIDENCE[2], EVIDENCE[0], EVIDENCE[1], EVIDENCE[3]] == list(made.allowed)


@pytest.mark.parametrize("text", ["The port is 8000.", "[9] The port is 8000.", "[x] The port is 8000."])
async def test_a_pick_that_is_none_changes_nothing(text: str) -> None:
    """No number, one that stands for nothing, or something else in brackets."""
    made, _shown = await draft(WatchedEngine(text))
    assert list(EVIDENCE[:ALLOWED_EVIDENCE]) == list(made.allowed)


@given(text=st.text(alphabet="[]12 aB.\n", min_size=1, max_size=40))
async def test_the_caller_sees_the_wording_as_it_grows(text: str) -> None:
    """Whatever is generated: the pieces join to what the draft is checked for, and nothing is taken back."""
    made, shown = await draft(WatchedEngine(text))
    assert made.text == shown.strip()


async def test_a_draft_says_how_it_ended_and_what_it_cost() -> None:
    """Complete when the model stopped by itself; tokens of prompt and answer are counted."""
    whole, _ = await draft(WatchedEngine("[1] The port is 8000."))
    cut, _ = await draft(WatchedEngine("[1] The port is 8000."), max_tokens=3)
    assert (True, 5) == (whole.complete, whole.usage.completion_tokens)
    assert (False, 3) == (cut.complete, cut.usage.completion_tokens)
    assert whole.usage.prompt_tokens > 20


async def test_a_third_sentence_ends_the_generation() -> None:
    """It is not worth waiting for, and the engine is told to stop."""
    engine = WatchedEngine("[1] One is here. Two is here. Three is here. Four is here. Five is here.")
    made, _ = await draft(engine)
    assert (False, 1) == (made.complete, engine.cancelled)
    assert made.text.startswith("One is here. Two is here. Three")
    assert "Four" not in made.text


def test_a_request_names_its_adapter_or_leaves_it_to_the_service() -> None:
    """Left out is the default one, null is the base model."""
    answerer = Answerer(ScriptedEngine(adapters=("first", "second")), 1024, 96)
    requests = [AskRequest(question="?"), AskRequest(question="?", adapter=None), AskRequest(question="?", adapter="x")]
    assert ["first", None, "x"] == [answerer.adapter_for(request) for request in requests]
