"""What was found for each part of a question, and what it is worth."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeVar

from agent.answering.composition import CitedText, place_of
from agent.answering.rewriting import Part
from agent.retrieval.evidence import Evidence
from agent.retrieval.finding import Finding
from agent.retrieval.retriever import Passage
from agent.schemas import Nearest

Item = TypeVar("Item")

_MOST_NEAREST = 3
# Further down than the best few, sentences speak of something else.
_SPEAKING = 2


@dataclass(frozen=True, slots=True)
class ScoredSubquery:
    """A part of a question and its finding; `relevance` and `confidence` from 0 to 1."""

    part: Part
    finding: Finding
    relevance: float
    confidence: float

    def details(self) -> dict[str, Any]:
        """What the trace says of it, as JSON values."""
        ranking = self.finding.ranking
        return {
            "queries": list(self.part.queries),
            "passages": [
                {"source": p.chunk.source, "heading": p.chunk.heading or p.chunk.title, "start": p.chunk.start,
                 "dense": round(p.dense, 4), "lexical": round(p.lexical, 4), "fused": round(p.fused, 4),
                 "reranked": None if p.reranked is None else round(p.reranked, 4)}
                for p in self.finding.passages
            ],
            "coverage": round(ranking.coverage, 3) if ranking else 0.0,
            "relevance": round(self.relevance, 3),
            "confidence": round(self.confidence, 3),
        }  # fmt: skip

    def answered_by(self, answer: CitedText) -> bool:
        """Whether the answer cites a sentence that speaks to this part."""
        return any(map(answer.cites, self.finding.evidence[:_SPEAKING]))


def passages_of(parts: Sequence[ScoredSubquery]) -> list[Passage]:
    """The passages of all parts in turn, each once."""
    return _take_turns([item.finding.passages for item in parts], lambda passage: passage.chunk.id)


def evidence_of(parts: Sequence[ScoredSubquery]) -> list[Evidence]:
    """The sentences of all parts in turn, each once."""
    rows = [item.finding.evidence for item in parts]
    return _take_turns(rows, lambda evidence: (evidence.passage.chunk.source, evidence.sentence.start))


def nearest_of(parts: Sequence[ScoredSubquery]) -> list[Nearest]:
    """The best sentence of each of the best passages."""
    rows = [item.finding.evidence for item in parts]
    best = _take_turns(rows, lambda evidence: evidence.passage.chunk.id)[:_MOST_NEAREST]
    return [Nearest(text=evidence.sentence.text, **place_of(evidence)) for evidence in best]


def _take_turns(rows: Sequence[Sequence[Item]], key: Callable[[Item], Hashable]) -> list[Item]:
    """The first of each row, then the second of each, and so on; of those with the same key the first."""
    found: dict[Hashable, Item] = {}
    for item in (item for turn in zip_longest(*rows) for item in turn if item is not None):
        found.setdefault(key(item), item)
    return list(found.values())
