"""Questions about the user's own corpus."""

import json
from pathlib import Path

import pytest

from evaluation.corpus_question import CorpusQuestion, load_jsonl
from evaluation.dataset import InvalidDataset


def write(folder: Path, *lines: object) -> Path:
    path = folder / "questions.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


def test_lines_become_questions(tmp_path: Path) -> None:
    """Language and id are filled in; null, blank and missing are the same; blank lines are passed over."""
    path = write(
        tmp_path,
        {"question": " When does it sail? ", "source": "ferry.md", "quote": "It sails at 9:15.", "answer": "9:15"},
        "",
        {"question": "¿Quién pintó el faro?", "source": None, "quote": "", "answer": None},
        {"question": "Arlen", "language": "es", "id": "a"},
    )
    when = CorpusQuestion("q1", "When does it sail?", "en", "ferry.md", "It sails at 9:15.", "9:15")
    who = CorpusQuestion("q3", "¿Quién pintó el faro?", "es", None, None, None)
    assert [when, who, CorpusQuestion("a", "Arlen", "es", None, None, None)] == load_jsonl(path)
    assert (True, False) == (when.answerable, who.answerable)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"questions\.jsonl, line 2: not JSON"),
        ("[]", "line 2: is a list, not an object"),
        ({"source": "a.md"}, 'line 2: has no "question"'),
        ({"question": " "}, "line 2: the question is blank"),
        ({"question": "How?", "language": "fr"}, r'line 2\.language: is neither "en" nor "es"'),
        ({"question": "How?", "quote": "So."}, "line 2: has a quote or an answer but no source"),
        ({"question": "How?", "sauce": "a.md"}, 'line 2: has an unknown field "sauce"'),
        ({"question": "How?", "source": 7}, r"line 2\.source: is a number, not a string"),
        ({"question": "How?", "id": "q1"}, 'line 2: the id "q1" comes twice'),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: object, message: str) -> None:
    """By its number and what is wrong with it."""
    with pytest.raises(InvalidDataset, match=message):
        load_jsonl(write(tmp_path, {"question": "First?"}, line))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    """There is nothing to evaluate."""
    with pytest.raises(InvalidDataset, match="holds no question"):
        load_jsonl(write(tmp_path, "", " "))
