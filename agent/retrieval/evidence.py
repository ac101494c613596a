"""Which sentences of the found passages speak to the question."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.retrieval.embedder import Embedder
from agent.retrieval.fusion import fuse
from agent.retrieval.retriever import Passage
from agent.schemas import Language
from agent.store.chunks import Sentence
from agent.text.sentences import Kind
from agent.text.words import terms

# A line of code or a table row may hold the answer, but a sentence that says it is worth more to a reader.
_KIND_PENALTY = {Kind.CODE.value: 2.0, Kind.ROW.value: 0.5}
_MIN_TERMS = 3


@dataclass(frozen=True, slots=True)
class Evidence:
    """A source sentence, where it stands, and how well it speaks to the question (a z-score among its peers)."""

    passage: Passage
    sentence: Sentence
    score: float
    cosine: float


class EvidenceRanker:
    """Ranks sentences as the Retriever ranks chunks: embeddings and shared words, fused."""

    def __init__(self, embedder: Embedder, dense_weight: float) -> None:
        self._embedder = embedder
        self._dense_weight = dense_weight

    def rank(self, question: str, language: Language, passages: Sequence[Passage]) -> list[Evidence]:
        """Every sentence of the passages once, best first. Blocking: call it in a thread."""
        found = _sentences(passages)
        if not found:
            return []
        vectors = self._embedder.embed_passages([_in_context(passage, sentence) for passage, sentence in found])
        cosine = np.asarray(vectors @ self._embedder.embed_question(question), dtype=np.float64)
        asked = set(terms(question, language))
        shared = np.asarray([_share(asked, passage, sentence) for passage, sentence in found], dtype=np.float64)
        passage_scores = np.asarray([passage.fused for passage, _ in found], dtype=np.float64)
        scores = fuse(cosine, shared, self._dense_weight) + 0.3 * passage_scores / (np.abs(passage_scores).max() or 1.0)
        ranked = [
            Evidence(passage, sentence, float(score) - _penalty(sentence, passage), float(similarity))
            for (passage, sentence), score, similarity in zip(found, scores, cosine, strict=True)
        ]
        return sorted(ranked, key=lambda evidence: -evidence.score)


def _sentences(passages: Sequence[Passage]) -> list[tuple[Passage, Sentence]]:
    seen: set[tuple[str, int]] = set()
    found = []
    for passage in passages:
        for sentence in passage.chunk.sentences:
            key = (passage.chunk.source, sentence.start)
            if key not in seen:
                seen.add(key)
                found.append((passage, sentence))
    return found


def _in_context(passage: Passage, sentence: Sentence) -> str:
    heading = (passage.chunk.heading or passage.chunk.title).rsplit(" > ", 1)[-1]
    return f"{heading}: {sentence.text}"


def _share(asked: set[str], passage: Passage, sentence: Sentence) -> float:
    """Share of the question's terms that the sentence has."""
    return len(asked & set(terms(sentence.text, passage.chunk.language))) / max(len(asked), 1)


def _penalty(sentence: Sentence, passage: Passage) -> float:
    too_short = len(terms(sentence.text, passage.chunk.language)) < _MIN_TERMS
    return _KIND_PENALTY.get(sentence.kind, 0.0) + (1.0 if too_short else 0.0)
