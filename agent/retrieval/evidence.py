"""Which sentences of the found passages speak to the question."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.retrieval.fusion import Scores, z_scores
from agent.retrieval.query import Query
from agent.retrieval.retriever import Passage
from agent.store.documents import Sentence
from agent.store.store import Store
from agent.text.sentences import Kind
from agent.text.words import terms

# Fitted on train.* by pairwise logistic regression (docs/evaluation.md). A sentence is also read with the one before
# it, which often names what it calls "it"; and a sentence of a better passage is the likelier answer.
_COSINE = 0.5
_WORDS = 0.2
_WORDS_WITH_PREVIOUS = 0.3
_PASSAGE = 0.75
# A line of code or a table row may hold the answer, but a sentence that says it is worth more to a reader.
_KIND_PENALTY = {Kind.CODE.value: 2.0, Kind.ROW.value: 0.5}
_MIN_TERMS = 3


@dataclass(frozen=True, slots=True)
class Evidence:
    """A source sentence and how well it speaks to the question.

    `score` ranks it among its peers (a z-score); `cosine` compares it with the question; `coverage` is the share of the
    question's terms that it has, each weighted by how much it tells.
    """

    passage: Passage
    sentence: Sentence
    score: float
    cosine: float
    coverage: float


class EvidenceRanker:
    """Ranks sentences by embeddings and shared words, as the Retriever ranks chunks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def rank(self, query: Query, passages: Sequence[Passage]) -> list[Evidence]:
        """Every sentence of the passages once, best first. Blocking: call it in a thread."""
        found = _sentences(passages)
        if not found:
            return []
        vectors = self._store.sentence_vectors.get([sentence.id for _, sentence in found])
        cosine = (vectors @ query.vector).astype(np.float64)
        said = [set(terms(sentence.text, passage.chunk.language)) for passage, sentence in found]
        coverage = self._coverages(query, said)
        scores = (
            _COSINE * z_scores(cosine)
            + _WORDS * z_scores(coverage)
            + _WORDS_WITH_PREVIOUS * z_scores(self._coverages(query, _with_previous(found, said)))
            + _PASSAGE * np.asarray([passage.fused - passages[0].fused for passage, _ in found])
        )
        ranked = [
            Evidence(passage, sentence, float(score) - _penalty(sentence, words), float(similarity), float(covered))
            for (passage, sentence), words, score, similarity, covered in zip(
                found, said, scores, cosine, coverage, strict=True
            )
        ]
        # Sorting is stable: among equals the passage that was found first comes first.
        return sorted(ranked, key=lambda evidence: -evidence.score)

    def _coverages(self, query: Query, said: Sequence[set[str]]) -> Scores:
        return np.asarray([self.coverage(query, words) for words in said], dtype=np.float64)

    def coverage(self, query: Query, words: set[str]) -> float:
        """The share of the query's terms that are in `words`, each weighted by how much it tells; 0 to 1."""
        weights = {term: self._store.lexical.weight(term) for term in query.terms}
        return sum(weight for term, weight in weights.items() if term in words) / (sum(weights.values()) or 1.0)


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


def _with_previous(found: Sequence[tuple[Passage, Sentence]], said: Sequence[set[str]]) -> list[set[str]]:
    """The words of each sentence and of the one before it in its chunk."""
    together = [said[0]]
    for place in range(1, len(found)):
        same_chunk = found[place - 1][0] is found[place][0]
        together.append(said[place] | said[place - 1] if same_chunk else said[place])
    return together


def _penalty(sentence: Sentence, words: set[str]) -> float:
    return _KIND_PENALTY.get(sentence.kind, 0.0) + (1.0 if len(words) < _MIN_TERMS else 0.0)
