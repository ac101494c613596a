"""Questions with known answers, and the passages that hold them.

The file format is SQuAD's, 1.1 and 2.0: `data[].paragraphs[].{context, qas[].{id, question, answers, is_impossible}}`
(Rajpurkar et al. 2016, arXiv:1606.05250; 2018, arXiv:1806.03822).
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from agent.schemas import Language
from agent.text.language import detect_language


class InvalidDataset(Exception):
    """The file cannot be evaluated. The message says what is wrong and where: `data[3].paragraphs[0]: ...`."""


@dataclass(frozen=True, slots=True)
class GoldPassage:
    """A paragraph. Its id is `<article>-<paragraph>`, safe as a file name and in the file's order."""

    id: str
    article: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a passage; `passage` names it even when the passage does not hold the answer.

    `text_of(passage)[start:end]` is an answer for every span. An answer that its passage does not contain word for word
    has no span, so there may be fewer spans than answers.
    """

    id: str
    text: str
    language: Language
    article: str
    passage: str | None
    answers: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    answerable: bool


@dataclass(frozen=True, slots=True)
class Dataset:
    """What one file holds. `language` is that of the passages; `notes` says what was left out or mended, and where."""

    name: str
    language: Language
    passages: tuple[GoldPassage, ...]
    questions: tuple[Question, ...]
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the passages and questions: another digest, another evaluation."""
        content = repr((self.language, self.passages, self.questions))
        return hashlib.sha256(content.encode("utf-8")).hexdigest()


def sample(dataset: Dataset, limit: int | None, seed: int) -> Dataset:
    """At most `limit` of the questions, in the file's order; every passage stays, so the search is as hard as before.

    The same seed takes the same questions from any file that holds them, and a larger limit adds to a smaller one.
    """
    if limit is None or limit >= len(dataset.questions):
        return dataset
    if limit < 1:
        raise ValueError(f"limit must be at least 1, not {limit}")
    drawn = {question.id for question in sorted(dataset.questions, key=lambda asked: lot(asked.id, seed))[:limit]}
    return replace(dataset, questions=tuple(asked for asked in dataset.questions if asked.id in drawn))


def majority_language(texts: Iterable[str]) -> Language:
    """The language of most of the texts; English when they are level."""
    counts = Counter(detect_language(text) for text in texts)
    return "es" if counts["es"] > counts["en"] else "en"


def lot(question_id: str, seed: int) -> str:
    """The sort key of a reproducible draw: the questions with the least keys are drawn."""
    return hashlib.sha256(f"{seed}:{question_id}".encode()).hexdigest()
