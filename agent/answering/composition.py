"""Puts an answer together and makes its citations.

Citations are made by code: a quote is a sentence of the source, by its offsets, never what a model typed.
"""

import re
from typing import Any

from agent.retrieval.evidence import Evidence
from agent.schemas import AnswerBlock, Citation

# What a source has in square brackets is no number of ours; the citation's quote keeps it as it is.
_NUMBER = re.compile(r"\[(\d+)\]")


class CitedText:
    """An answer as it grows, sentence by sentence. Evidence is numbered in order of use and keeps its number."""

    def __init__(self) -> None:
        self.text = ""
        self.blocks: list[AnswerBlock] = []
        self._cited: dict[tuple[str, int, int], Citation] = {}

    @property
    def citations(self) -> list[Citation]:
        """Every citation, by number."""
        return list(self._cited.values())

    def cites(self, evidence: Evidence) -> bool:
        """Whether a sentence of it rests on this evidence already."""
        return _key(evidence) in self._cited

    def add(self, sentence: str, evidence: Evidence, support: float, lead: str = "") -> None:
        """A sentence that states what `evidence` says; `lead` introduces it and states nothing."""
        number = self._cite(evidence)
        self._append(lead, sentence, [number], round(support, 4), f" [{number}]")

    def say(self, sentence: str) -> None:
        """A sentence that states nothing about the documents' subject, and so cites nothing."""
        self._append("", sentence, [], None, "")

    def _append(self, lead: str, sentence: str, citations: list[int], support: float | None, numbers: str) -> None:
        sentence = _NUMBER.sub(r"(\1)", sentence)
        start = len(self.text) + (1 if self.text else 0) + len(lead)
        self.text = f"{self.text} {lead}{sentence}{numbers}".lstrip()
        self.blocks.append(
            AnswerBlock(
                kind="paragraph",
                text=sentence,
                start=start,
                end=start + len(sentence),
                citations=citations,
                support=support,
            )
        )

    def _cite(self, evidence: Evidence) -> int:
        key = _key(evidence)
        if key not in self._cited:
            self._cited[key] = Citation(
                id=len(self._cited) + 1, quote=evidence.sentence.text, **place_of(evidence)
            )  # fmt: skip
        return self._cited[key].id


def place_of(evidence: Evidence) -> dict[str, Any]:
    """The fields of `agent.schemas.Place`."""
    chunk, sentence = evidence.passage.chunk, evidence.sentence
    return {
        "source": chunk.source,
        "title": chunk.title,
        "heading": chunk.heading,
        "page": sentence.page,
        "line": sentence.line,
        "start": sentence.start,
        "end": sentence.end,
        "passage": chunk.text,
        "passage_start": chunk.start,
        "score": round(min(max(evidence.cosine, 0.0), 1.0), 4),
    }


def _key(evidence: Evidence) -> tuple[str, int, int]:
    return evidence.passage.chunk.source, evidence.sentence.start, evidence.sentence.end
