"""What is evaluated: a corpus, and questions that it answers or does not."""

from collections.abc import Iterable
from dataclasses import dataclass

from agent.schemas import Language
from agent.store.documents import Document
from evaluation.corpus_question import CorpusQuestion
from evaluation.dataset import Dataset, Question


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and what is known about its answer.

    `gold_source` is the document that holds it, `gold_span` where in it (None: anywhere). `answers` is empty where
    only the place is known, as when the passages are in another language than the answers.
    """

    id: str
    text: str
    language: Language
    answerable: bool
    answers: tuple[str, ...]
    article: str | None
    gold_source: str | None
    gold_span: tuple[int, int] | None = None

    def is_gold(self, source: str, start: int, end: int) -> bool:
        """Whether this stretch of a document holds the answer."""
        if source != self.gold_source:
            return False
        return self.gold_span is None or (start < self.gold_span[1] and self.gold_span[0] < end)


def asked_of(dataset: Dataset, translations: dict[str, str] | None = None) -> list[Asked]:
    """The dataset's questions, of its own passages or, with `translations` (passage id to passage id), of others."""
    return [asked for question in dataset.questions if (asked := _asked(question, translations)) is not None]


def documents_of(dataset: Dataset) -> list[Document]:
    """One document for each passage, titled with its article."""
    return [
        Document(
            source=passage.id,
            title=passage.article.replace("_", " "),
            language=dataset.language,
            format="squad",
            sha256="",
            text=passage.text,
            metadata={"article": (passage.article,)},
        )
        for passage in dataset.passages
    ]


def asked_of_corpus(questions: Iterable[CorpusQuestion], texts: dict[str, str]) -> list[Asked]:
    """Questions about documents that were ingested from a folder; `texts` are theirs, by source.

    Raises:
        ValueError: a source is not in the corpus, or does not hold the quote.
    """
    found = []
    for question in questions:
        span = None
        if question.source is not None:
            text = texts.get(question.source)
            if text is None or (question.quote or "") not in text:
                raise ValueError(f"{question.id}: {question.source} is not in the corpus, or does not hold the quote")
            at = text.index(question.quote or "")
            span = (at, at + len(question.quote or text))
        answers = (question.answer,) if question.answer else ()
        found.append(
            Asked(
                question.id, question.question, question.language, question.answerable, answers, None,
                question.source, span,
            )
        )  # fmt: skip
    return found


def _asked(question: Question, translations: dict[str, str] | None) -> Asked | None:
    if translations is None:
        passage, answers = question.passage, question.answers
    else:
        passage, answers = translations.get(question.passage or ""), ()
        if passage is None:
            return None
    return Asked(question.id, question.text, question.language, question.answerable, answers, question.article, passage)
