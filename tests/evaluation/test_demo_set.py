"""The questions that ship with Askpod, about its own guides."""

from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest

from evaluation.corpus_question import CorpusQuestion, load_jsonl

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def questions() -> list[CorpusQuestion]:
    return load_jsonl(ROOT / "evaluation" / "demo.jsonl")


@pytest.fixture(scope="module")
def answerable(questions: list[CorpusQuestion]) -> list[CorpusQuestion]:
    return [question for question in questions if question.answerable]


def test_every_quote_is_a_line_of_its_guide(answerable: list[CorpusQuestion]) -> None:
    """A quote is one whole sentence, as it stands in the guide."""
    lines = {source: (DOCS / source).read_text(encoding="utf-8").split("\n") for source in map(_source, answerable)}
    assert [] == [(one.id, one.quote) for one in answerable if one.quote not in lines[_source(one)]]


def test_every_answer_is_in_its_quote(answerable: list[CorpusQuestion]) -> None:
    """The short answer is a span of the quote, and is not blank."""
    assert [] == [(one.id, one.answer) for one in answerable if not one.answer or one.answer not in (one.quote or "")]


def test_no_question_gives_its_answer_away(answerable: list[CorpusQuestion]) -> None:
    """The words of the answer do not stand in the question."""
    given = [one.id for one in answerable if (one.answer or "").strip("`").lower() in one.question.lower()]
    assert [] == given


def test_no_question_comes_twice(questions: list[CorpusQuestion]) -> None:
    """Each question is asked once."""
    counts = Counter(one.question.casefold() for one in questions)
    assert [] == [question for question, count in counts.items() if count > 1]


def test_the_set_is_large_enough(questions: list[CorpusQuestion]) -> None:
    """There are at least 60 questions, and at least 36 in each language."""
    languages = Counter(one.language for one in questions)
    assert (True, True, True) == (len(questions) >= 60, languages["en"] >= 36, languages["es"] >= 36)


def test_a_third_of_each_language_cannot_be_answered(questions: list[CorpusQuestion]) -> None:
    """The guides do not answer one question in three, in English as in Spanish."""
    languages = Counter(one.language for one in questions)
    unanswerable = Counter(one.language for one in questions if not one.answerable)
    third = Fraction(1, 3)
    assert {"en": third, "es": third} == {name: Fraction(unanswerable[name], n) for name, n in languages.items()}


def test_some_questions_need_a_guide_in_the_other_language(answerable: list[CorpusQuestion]) -> None:
    """Eight Spanish questions are answered by an English guide; all others by a guide in their own language."""
    pairs = Counter((one.language, _guide_language(one)) for one in answerable)
    assert {("en", "en"): 30, ("es", "es"): 22, ("es", "en"): 8} == pairs


def _source(question: CorpusQuestion) -> str:
    assert question.source is not None
    return question.source


def _guide_language(question: CorpusQuestion) -> str:
    return "es" if _source(question).startswith("es/") else "en"
