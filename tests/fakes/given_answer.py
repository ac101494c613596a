"""An agent whose answer is given, for tests of what is shown of an answer; and answers of every kind of block."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from agent.answering.budgets import UsualTokens
from agent.answering.pipeline import MultiAgent
from agent.events import Emit
from agent.loading import Loaded
from agent.runtime import Loader
from agent.schemas import (
    Answer,
    AnswerBlock,
    AskRequest,
    BlockKind,
    Citation,
    DeltaEvent,
    Language,
    Timings,
    Usage,
)
from agent.settings import Settings
from tests.fakes.loading import scripted_loader

_LISTS, _TABLE = ("item", "step"), ("header", "row")


@dataclass(frozen=True, slots=True)
class Part:
    """One block of an answer to be; `citations` are numbers from 1."""

    kind: BlockKind
    text: str
    citations: tuple[int, ...] = ()
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """A quote of a passage; the passage is the whole document."""

    source: str
    passage: str
    quote: str


def answer_of(
    parts: Sequence[Part], spans: Sequence[Span] = (), *, language: Language = "en", **changes: Any
) -> Answer:
    """The answer of these blocks, as Markdown in the layout that `agent.schemas.AnswerBlock` describes."""
    text, blocks, before = "", [], None
    steps: dict[int, int] = {}
    for part in parts:
        text += _between(before, part)
        if before is None or before.kind not in _LISTS:
            steps.clear()
        steps = {depth: number for depth, number in steps.items() if depth <= part.depth}
        steps[part.depth] = steps.get(part.depth, 0) + 1
        text += _marker(part, steps[part.depth])
        blocks.append(_block(part, len(text)))
        text += part.text + _behind(part)
        before = part
    made: dict[str, Any] = {
        "answer": text, "blocks": blocks, "abstained": False, "reason": None, "nearest": [],
        "citations": [_citation(number, span) for number, span in enumerate(spans, 1)],
        "grounded": bool(spans), "confidence": 0.8, "language": language, "route": "question", "model": "scripted",
        "adapter": None, "index": "c0ffee", "usage": Usage(prompt_tokens=89, completion_tokens=7),
        "timings": Timings(total_ms=321.0), "cold_start": False, "request_id": "r-1", "trace": [],
    }  # fmt: skip
    return Answer(**(made | changes))


def _between(before: Part | None, part: Part) -> str:
    if before is None:
        return ""
    same_group = any(before.kind in group and part.kind in group for group in (_LISTS, _TABLE))
    return "\n" if same_group else "\n\n"


def _marker(part: Part, number: int) -> str:
    markers: Mapping[str, str] = {
        "item": "  " * part.depth + "- ",
        "step": "   " * part.depth + f"{number}. ",
        "heading": "### ",
        "code": "```\n",
    }
    return markers.get(part.kind, "")


def _behind(part: Part) -> str:
    numbers = "".join(f"[{number}]" for number in part.citations)
    if part.kind == "code":
        return "\n```" + (f"\n{numbers}" if numbers else "")
    numbers = f" {numbers}" if numbers else ""
    if part.kind == "header":
        return " |\n|" + " --- |" * (part.text.count("|"))
    return f"{numbers} |" if part.kind == "row" else numbers


def _block(part: Part, start: int) -> AnswerBlock:
    return AnswerBlock(
        kind=part.kind, text=part.text, start=start, end=start + len(part.text), depth=part.depth,
        citations=list(part.citations), support=0.9 if part.citations else None,
    )  # fmt: skip


def _citation(number: int, span: Span) -> Citation:
    start = span.passage.index(span.quote)
    return Citation(
        id=number, quote=span.quote, source=span.source, title="Guide", heading="Guide", date=None, page=None,
        line=span.passage[:start].count("\n") + 1, start=start, end=start + len(span.quote), passage=span.passage,
        passage_start=0, score=0.9,
    )  # fmt: skip


class GivenAgent:
    """Answers every question with the same answer, after a draft in pieces, `draft_s` seconds apart; keeps requests."""

    capacity = 1
    usual_tokens = UsualTokens(1024, 96)

    def __init__(self, answer: Answer, draft: Sequence[str] = (), *, draft_s: float = 0.0) -> None:
        self._answer = answer
        self._draft = draft
        self._draft_s = draft_s
        self.requests: list[AskRequest] = []

    async def answer(self, request: AskRequest, request_id: str, emit: Emit, **_options: object) -> Answer:
        """As `MultiAgent.answer`."""
        self.requests.append(request)
        for piece in self._draft:
            emit(DeltaEvent(text=piece))
            await asyncio.sleep(self._draft_s)
        return self._answer.model_copy(update={"request_id": request_id})


def answering_loader(agent: GivenAgent) -> Loader:
    """Loads what `scripted_loader` does, with this agent in the place of the agents."""
    load_others = scripted_loader()

    def load(settings: Settings, phase: Callable[[str, float], None]) -> Loaded:
        return replace(load_others(settings, phase), agent=cast(MultiAgent, agent))

    return load
