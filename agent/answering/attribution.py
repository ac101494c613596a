"""Finds the source spans that support a claim, and how well.

Spans are chosen by code: first the sentence that shares most with the claim, in words and in meaning, then others that
have what it still lacks. Words are weighted by how much they tell (inverse document frequency in the store); those of
the question count little, for a claim repeats them whether it is right or wrong. A number that no passage has is
supported by nothing. Across languages words cannot be compared, and the embeddings decide.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.answering.composition import SourceSpan
from agent.answering.context_builder import Context, ContextPassage
from agent.schemas import Language
from agent.store.documents import Block, Sentence
from agent.store.vectors import Vectors
from agent.text.blocks import HEADING_JOINT
from agent.text.facts import exact_tokens, ungrouped
from agent.text.orders import gives_orders
from agent.text.words import terms

Weight = Callable[[str], float]
Embed = Callable[[Sequence[str]], Vectors]
GetVectors = Callable[[Sequence[int]], Vectors]

# Support from which on a claim is shown (measured in docs/evaluation.md).
MIN_SUPPORT = 0.5
_MAX_SPANS = 6
# A further span must have this share of the claim's weight that the others lack.
_MIN_GAIN = 0.2
_QUESTION_WEIGHT = 0.25
# Cosines of multilingual-e5: sentences that say nothing of each other are at .80, paraphrases from .90 on.
_FAR, _NEAR = 0.80, 0.92
_MEANING = 0.35
# What numbers that are all in the spans add to the meaning across languages; they support no claim by themselves.
_NUMBERS = 0.25
_DIGITS = re.compile(r"\d")
# Numbers that texts write as words as often as in digits.
_SMALL = frozenset(str(number) for number in range(11))


@dataclass(frozen=True, slots=True)
class Attribution:
    """The spans that a claim rests on, best first, and how well they support it, 0 to 1."""

    spans: tuple[SourceSpan, ...]
    support: float

    @property
    def stands(self) -> bool:
        """Whether the claim may be shown."""
        return bool(self.spans) and self.support >= MIN_SUPPORT


@dataclass(frozen=True, slots=True)
class _Candidate:
    passage: ContextPassage
    sentence: Sentence
    place: int
    terms: frozenset[str]
    exact: frozenset[str]

    def follows(self, other: "_Candidate") -> bool:
        """Whether it is the next sentence of the same passage."""
        return self.passage is other.passage and self.place == other.place + 1


class Attributor:
    """Attributes claims to the sentences of one context.

    Args:
        context: what the model read.
        question: what was asked, in `language`.
        question_vector: of the question, shape (dimension,).
        weight: how much a stemmed term tells.
        embed: vectors of claims, shape (claims, dimension).
        vectors: those of sentences, by id.
    """

    def __init__(
        self,
        context: Context,
        question: str,
        question_vector: Vectors,
        language: Language,
        weight: Weight,
        embed: Embed,
        vectors: GetVectors,
    ) -> None:
        self._language = language
        self._weight = weight
        self._embed = embed
        self._asked = frozenset(terms(ungrouped(question), language))
        self._asked_exact = frozenset(exact_tokens(question))
        self._candidates = [candidate for passage in context.passages for candidate in _candidates(passage)]
        ids = [candidate.sentence.id for candidate in self._candidates]
        self._vectors = vectors(ids) if ids else np.zeros((0, len(question_vector)), dtype=np.float32)
        self._relevance = self._vectors @ question_vector
        self._everywhere = frozenset(token for one in self._candidates for token in one.exact)

    def attribute(self, claims: Sequence[str]) -> list[Attribution]:
        """The attribution of each claim. Blocking: call it in a thread."""
        if not claims or not self._candidates:
            return [Attribution((), 0.0) for _ in claims]
        cosines = self._embed(claims) @ self._vectors.T
        return [self._one(claim, row) for claim, row in zip(claims, cosines, strict=True)]

    def _one(self, claim: str, cosines: NDArray[np.float32]) -> Attribution:
        weights = self._weights(claim)
        total = sum(weights.values())
        needed = {token for token in exact_tokens(claim) if _DIGITS.search(token) and token not in _SMALL}
        needed -= self._asked_exact
        if needed - self._everywhere:
            return Attribution((), 0.0)
        numbers = bool(needed)
        meaning = np.clip((cosines.astype(np.float64) - _FAR) / (_NEAR - _FAR), 0.0, 1.0)
        comparable = np.asarray([one.passage.language == self._language for one in self._candidates])
        chosen: list[int] = []
        covered: set[str] = set()
        while len(chosen) < _MAX_SPANS:
            gains = np.asarray(
                [sum(weights[term] for term in weights.keys() & one.terms - covered) for one in self._candidates]
            ) / (total or 1.0)
            exact = np.asarray([len(needed & one.exact) for one in self._candidates]) / max(len(needed), 1)
            scores = gains + exact + (_MEANING * meaning if chosen else meaning)
            scores[chosen] = -1.0
            best = int(scores.argmax())
            worth = gains[best] >= _MIN_GAIN or exact[best] > 0
            if chosen and not worth:
                break
            chosen.append(best)
            covered |= self._candidates[best].terms
            needed -= self._candidates[best].exact
        words = sum(weight for term, weight in weights.items() if term in covered) / (total or 1.0)
        nearest = float(meaning[chosen].max())
        if needed or not total:
            return Attribution((), 0.0)
        same = bool(comparable[chosen[0]])
        # Words alone pass a claim that has all of them; meaning alone only where words cannot be compared. There,
        # numbers that are all in the spans tell more than the embeddings.
        foreign = nearest + _NUMBERS if numbers else nearest
        support = 0.75 * words + 0.25 * nearest if same else foreign
        return Attribution(self._spans(chosen), round(min(support, 1.0), 4))

    def _weights(self, claim: str) -> dict[str, float]:
        return {
            term: self._weight(term) * (_QUESTION_WEIGHT if term in self._asked else 1.0)
            for term in terms(ungrouped(claim), self._language)
        }

    def relevance(self, sentences: Sequence[Sentence]) -> float:
        """How well the best of some sentences of the context matches the question: its cosine, 0 where it has none."""
        ids = {sentence.id for sentence in sentences}
        found = [float(self._relevance[at]) for at, one in enumerate(self._candidates) if one.sentence.id in ids]
        return max(found, default=0.0)

    def _spans(self, chosen: Sequence[int]) -> tuple[SourceSpan, ...]:
        """The chosen sentences as spans; those that follow each other in one passage are one."""
        runs: list[list[int]] = []
        for place in sorted(chosen):
            if runs and self._candidates[place].follows(self._candidates[runs[-1][-1]]):
                runs[-1].append(place)
            else:
                runs.append([place])
        runs.sort(key=lambda run: min(chosen.index(place) for place in run))
        return tuple(
            SourceSpan.of_sentences(
                self._candidates[run[0]].passage,
                [self._candidates[place].sentence for place in run],
                float(self._relevance[run].max()),
            )
            for run in runs
        )


def _asks(text: str) -> bool:
    return text.rstrip("*_ ").endswith("?")


def _candidates(passage: ContextPassage) -> Iterator[_Candidate]:
    """The sentences that state something. A question does not, neither as a sentence nor as a heading; nor does what
    stands behind an order to the model, to the end of its block.
    """
    ordering: Block | None = None
    for place, sentence in enumerate(passage.sentences):
        block = passage.block_at(sentence.start)
        if gives_orders(sentence.text):
            ordering = block
        if not _asks(sentence.text) and (block is None or block is not ordering):
            yield _candidate(passage, block, sentence, place)


def _candidate(passage: ContextPassage, block: Block | None, sentence: Sentence, place: int) -> _Candidate:
    path = [passage.title, *(block.heading if block else passage.heading).split(HEADING_JOINT), passage.date or ""]
    around = "\n".join([*(part for part in path if not _asks(part)), sentence.text])
    return _Candidate(
        passage,
        sentence,
        place,
        frozenset(terms(ungrouped(around), passage.language)),
        frozenset(exact_tokens(around)),
    )
