"""CLAPNQ's questions, and ROUGE-L against its definition."""

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.answers import load_questions
from evaluation.clapnq import is_clapnq, load_clapnq, rouge_l
from evaluation.dataset import InvalidDataset
from tests.evaluation.nugget_files import nugget_question, write_lines

WORDS = st.lists(st.sampled_from("abcd"), max_size=7)


def line(number: str, **fields: Any) -> dict[str, Any]:
    asked = {
        "id": number, "question": "What is a mole?", "source": "Mole.txt", "answerable": True,
        "answer": "A wall in the sea.", "sentences": ["A mole is a wall in the sea."],
    }  # fmt: skip
    return asked | fields


def passages(folder: Path) -> Path:
    (folder / "corpus").mkdir()
    (folder / "corpus" / "Mole.txt").write_text("Mole\n\nA mole is a wall in the sea.\n")
    return folder / "corpus"


def longest_common(first: list[str], second: list[str]) -> int:
    """Of all subsequences, tried one by one."""
    subsequences = {picked for size in range(len(first) + 1) for picked in combinations(first, size)}
    return max(len(picked) for picked in subsequences if is_subsequence(picked, second))


def is_subsequence(part: tuple[str, ...], whole: list[str]) -> bool:
    rest = iter(whole)
    return all(word in rest for word in part)


@given(said=WORDS, gold=WORDS)
def test_rouge_l_is_the_f1_of_the_longest_common_subsequence(said: list[str], gold: list[str]) -> None:
    """Between 0 and 1, symmetric, and 1 for equal words."""
    common = longest_common(said, gold)
    expected = 2 * common / (len(said) + len(gold)) if common else 0.0
    found = rouge_l(" ".join(said), " ".join(gold))
    assert expected == pytest.approx(found)
    assert rouge_l(" ".join(gold), " ".join(said)) == pytest.approx(found)
    assert 0 <= found <= 1


def test_signs_and_case_do_not_count() -> None:
    """A word is a run of letters and digits; an answer without words shares nothing."""
    assert (1.0, 0.0) == (rouge_l("The **Mole**, of 1843!", "the mole of-1843"), rouge_l("…", "…"))


def test_lines_become_questions(tmp_path: Path) -> None:
    """About the passages beside the file, where no other folder is named."""
    passages(tmp_path)
    file = write_lines(tmp_path / "dev.jsonl", line("1"), line("2", answerable=False, answer="", sentences=[]))
    questions, folders = load_questions(file, None)
    assert [("1", "answerable", True), ("2", "unanswerable", False)] == [
        (one.id, one.type, one.answerable) for one in questions
    ]
    assert {"clapnq": tmp_path / "corpus"} == folders


def test_the_format_is_known_by_the_fields(tmp_path: Path) -> None:
    """Of the first line; a file without one has none."""
    files = [write_lines(tmp_path / f"{n}.jsonl", one) for n, one in enumerate((line("1"), nugget_question("v1"), ""))]
    assert [True, False, False] == [is_clapnq(file) for file in files]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"source": "Pier.txt"}, 'dev.jsonl, line 2: the source "Pier.txt" is no file of corpus/'),
        ({"answer": " "}, "line 2: is answerable but has no answer"),
        ({"id": "1"}, 'line 2: the id "1" comes twice'),
        ({"question": 3}, r"line 2\.question: is a number, not a string"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    """By its file and number, and what is wrong with it."""
    folder = passages(tmp_path)
    file = write_lines(tmp_path / "dev.jsonl", line("1"), line("2") | fields)
    with pytest.raises(InvalidDataset, match=message):
        load_clapnq(file, folder)
