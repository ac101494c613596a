"""Puts an answer together, block by block, and makes its citations.

Citations are made by code: a quote is a span of the source, by its offsets, never what a model typed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent.answering.context_builder import ContextPassage
from agent.retrieval.evidence import Evidence
from agent.schemas import AnswerBlock, BlockKind, Citation, Language
from agent.store.documents import Sentence

# What a source has in square brackets is no number of ours; the citation's quote keeps it as it is.
_NUMBER = re.compile(r"\[(\d+)\]")
_LISTED: frozenset[BlockKind] = frozenset(("item", "step"))
_TABLE: frozenset[BlockKind] = frozenset(("header", "row"))
_CELL_BAR = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class SourceSpan:
    """What a citation points at: `document[start:end] == text`, in the passage around it.

    `page` and `line` are where it begins, from 1, None where there are none; `score` compares it with the question,
    from 0 to 1.
    """

    source: str
    title: str
    heading: str
    date: str | None
    language: Language
    page: int | None
    line: int | None
    start: int
    end: int
    text: str
    passage: str
    passage_start: int
    score: float

    @classmethod
    def of_evidence(cls, evidence: Evidence) -> "SourceSpan":
        """A sentence of a hit."""
        chunk, sentence = evidence.passage.chunk, evidence.sentence
        return cls(
            chunk.source, chunk.title, chunk.heading, chunk.date, chunk.language, sentence.page, sentence.line,
            sentence.start, sentence.end, sentence.text, chunk.text, chunk.start, evidence.cosine,
        )  # fmt: skip

    @classmethod
    def of_sentences(cls, passage: ContextPassage, sentences: Sequence[Sentence], score: float) -> "SourceSpan":
        """From the first to the last of some neighbouring sentences of a passage."""
        return cls.of_stretch(passage, sentences[0].start, sentences[-1].end, score)

    @classmethod
    def of_stretch(cls, passage: ContextPassage, start: int, end: int, score: float) -> "SourceSpan":
        """The stretch `[start, end)` of the document, which lies in the passage."""
        first = next((one for one in passage.sentences if one.end > start), None)
        text = passage.text[start - passage.start : end - passage.start]
        block = passage.block_at(start)
        return cls(
            passage.source, passage.title, block.heading if block else passage.heading, passage.date, passage.language,
            first.page if first else None, first.line if first else None, start, end, text, passage.text,
            passage.start, score,
        )  # fmt: skip

    def place(self) -> dict[str, Any]:
        """The fields of `agent.schemas.Place`."""
        return {
            "source": self.source,
            "title": self.title,
            "heading": self.heading,
            "date": self.date,
            "page": self.page,
            "line": self.line,
            "start": self.start,
            "end": self.end,
            "passage": self.passage,
            "passage_start": self.passage_start,
            "score": round(min(max(self.score, 0.0), 1.0), 4),
        }


class AnswerComposer:
    """An answer as it grows, in Markdown. Spans are numbered in order of use and keep their number."""

    def __init__(self) -> None:
        self.text = ""
        self.blocks: list[AnswerBlock] = []
        self._cited: dict[tuple[str, int, int], Citation] = {}
        self._steps: list[int] = []  # the last number of each open list, outermost first
        self._open = 0  # lists that the next item may go on with, or be nested in

    @property
    def citations(self) -> list[Citation]:
        """Every citation, by number."""
        return list(self._cited.values())

    def cites(self, source: str, start: int, end: int) -> bool:
        """Whether a citation covers this stretch of a document."""
        return any(cited == source and a <= start and end <= b for cited, a, b in self._cited)

    def touches(self, source: str, start: int, end: int) -> bool:
        """Whether a citation has any part of this stretch of a document."""
        return any(cited == source and a < end and start < b for cited, a, b in self._cited)

    def add(
        self,
        kind: BlockKind,
        text: str,
        spans: Sequence[SourceSpan],
        support: float,
        *,
        depth: int = 0,
        number: int | None = None,
    ) -> None:
        """A block that states what `spans` say, as well as `support` tells, 0 to 1.

        `depth` is as in `agent.text.markdown.MarkdownBlock`; `number` that of a step which does not follow the one
        before it.
        """
        numbers = list(dict.fromkeys(self._cite(span) for span in spans))
        self._append(kind, text, numbers, round(support, 4), depth, number)

    def say(self, text: str, kind: BlockKind = "paragraph", *, depth: int = 0) -> None:
        """A block that states nothing about the documents' subject, and so cites nothing."""
        self._append(kind, text, [], None, depth)

    def _append(
        self,
        kind: BlockKind,
        text: str,
        citations: list[int],
        support: float | None,
        depth: int,
        number: int | None = None,
    ) -> None:
        if kind == "row" and (not self.blocks or self.blocks[-1].kind not in _TABLE):
            # Markdown has no rows without a header.
            kind, text = "item", _cells(text)
        text = text if kind == "code" else _NUMBER.sub(r"(\1)", text)
        depth = self._nest(kind, depth)
        if kind == "step" and number is not None:
            self._steps[depth] = number
        before, behind = self._around(kind, text, depth, "".join(f"[{number}]" for number in citations))
        joint = self._joint(kind)
        start = len(self.text) + len(joint) + len(before)
        self.text = f"{self.text}{joint}{before}{text}{behind}"
        self.blocks.append(
            AnswerBlock(
                kind=kind,
                text=text,
                start=start,
                end=start + len(text),
                depth=depth,
                citations=citations,
                support=support,
            )
        )

    def _nest(self, kind: BlockKind, depth: int) -> int:
        """The depth that the block can have: Markdown reads what is set in without an item above it as code."""
        if kind in _LISTED:
            depth = min(depth, self._open)
            del self._steps[depth + 1 :]
            self._steps += [0] * (depth + 1 - len(self._steps))
            self._steps[depth] += kind == "step"
            self._open = depth + 1
            return depth
        # A paragraph of a step, or a sample below it, leaves the numbers of the steps going on.
        self._open = min(self._open, 1) if depth or kind == "code" else 0
        del self._steps[max(depth, 1) if self._open else 0 :]
        return 0

    def _around(self, kind: BlockKind, text: str, depth: int, numbers: str) -> tuple[str, str]:
        """What Markdown needs before and behind the text of a block, its numbers among it."""
        shown = f" {numbers}" if numbers else ""
        match kind:
            case "item":
                return f"{'   ' * depth}- ", shown
            case "step":
                return f"{'   ' * depth}{self._steps[depth]}. ", shown
            case "heading":
                return "### ", shown
            case "header":
                return "", f" |\n|{' --- |' * max(len(_CELL_BAR.findall(text)), 1)}"
            case "row":
                return "", f"{shown} |"
            case "code":
                fence = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`+", text)), 3)
                return f"{fence}\n", f"\n{fence}" + (f"\n{numbers}" if numbers else "")
            case _:
                return "", shown

    def _joint(self, kind: BlockKind) -> str:
        if not self.blocks:
            return ""
        last = self.blocks[-1].kind
        listed = last in _LISTED and kind in _LISTED
        return "\n" if listed or (last in _TABLE and kind == "row") else "\n\n"

    def _cite(self, span: SourceSpan) -> int:
        key = (span.source, span.start, span.end)
        if key not in self._cited:
            self._cited[key] = Citation(id=len(self._cited) + 1, quote=span.text, **span.place())
        return self._cited[key].id


def _cells(row: str) -> str:
    cells = (cell.strip().replace(r"\|", "|") for cell in _CELL_BAR.split(row))
    return " · ".join(cell for cell in cells if cell)
