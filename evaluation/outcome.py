"""What is kept of an answer, as JSON values: everything that the figures of `evaluation answers` are made from."""

from collections.abc import Callable
from typing import Any, TypedDict

from agent.schemas import Answer

TextOf = Callable[[str], str | None]


class Block(TypedDict):
    """A block of the answer; `citations` are ids, `states_fact` is false for an introduction or a reply."""

    kind: str
    text: str
    citations: list[int]
    states_fact: bool


class Cited(TypedDict):
    """A span that the answer cites; offsets are characters of the document."""

    id: int
    source: str
    start: int
    end: int
    quote: str


class Read(TypedDict):
    """A span that the model read, and its length in tokens."""

    source: str
    start: int
    end: int
    tokens: int


class Outcome(TypedDict):
    """One answer. `context` is None where the system does not tell it; `error` is the code of a failure.

    `decisions` are those of the trace's steps, by their names. A failure is an empty answer that is no abstention.
    """

    answer: str
    abstained: bool
    reason: str | None
    language: str
    blocks: list[Block]
    citations: list[Cited]
    context: list[Read] | None
    decisions: dict[str, str]
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    error: str | None


def outcome_of(answer: Answer, seconds: float) -> Outcome:
    """The outcome of an answer of the product."""
    return Outcome(
        answer=answer.answer,
        abstained=answer.abstained,
        reason=answer.reason,
        language=answer.language,
        blocks=[
            Block(kind=one.kind, text=one.text, citations=one.citations, states_fact=one.support is not None)
            for one in answer.blocks
        ],
        citations=[
            Cited(id=one.id, source=one.source, start=one.start, end=one.end, quote=one.quote)
            for one in answer.citations
        ],
        context=_context(answer),
        decisions={step.name: step.decision for step in answer.trace},
        prompt_tokens=answer.usage.prompt_tokens,
        completion_tokens=answer.usage.completion_tokens,
        seconds=round(seconds, 3),
        error=None,
    )


def failure(code: str, language: str, seconds: float) -> Outcome:
    """The outcome of a question that ended with an error."""
    return Outcome(
        answer="", abstained=False, reason=None, language=language, blocks=[], citations=[], context=None,
        decisions={}, prompt_tokens=0, completion_tokens=0, seconds=round(seconds, 3), error=code,
    )  # fmt: skip


def _context(answer: Answer) -> list[Read] | None:
    """The spans of the last step of the trace that names them."""
    found: list[Read] | None = None
    for step in answer.trace:
        spans: list[dict[str, Any]] | None = step.details.get("context")
        if spans is not None:
            found = [
                Read(source=one["source"], start=one["start"], end=one["end"], tokens=one.get("tokens", 0))
                for one in spans
            ]
    return found
