"""Questions from files, and what cannot be used of them."""

from pathlib import Path

import pytest

from evaluation.dataset import InvalidDataset
from tests.evaluation.squad_files import LIGHTHOUSE, article, question, write
from training.question import read_lines, read_squad

TEXTS = {"arlen.md": "# Arlen\n\nThe lighthouse was built in 1871."}


def test_a_squad_file_gives_answers_with_their_places(tmp_path: Path) -> None:
    """And questions that their passage does not answer."""
    asked = [question("When?", "1871", LIGHTHOUSE.index("1871")), question("Who built it?", None)]
    file = read_squad(write(tmp_path, article("Arlen", (LIGHTHOUSE, asked))))
    when, who = file.questions
    assert ("1871", "Arlen") == (when.wording, when.article)
    assert when.gold is not None
    assert "1871" == LIGHTHOUSE[slice(*when.gold)]
    assert (None, "") == (who.gold, who.wording)
    assert when.about == who.about


def test_an_answer_that_its_passage_does_not_have_is_left_out(tmp_path: Path) -> None:
    """And told; the other questions stay."""
    asked = [question("When?", "1999", 3), question("Who?", "Maud Fenn", LIGHTHOUSE.index("Maud"))]
    file = read_squad(write(tmp_path, article("Arlen", (LIGHTHOUSE, asked))))
    assert ["Who?"] == [one.id for one in file.questions]
    assert ["When?: its answer is not in its passage"] == list(file.left_out)


def lines(folder: Path, *content: str) -> Path:
    path = folder / "mine.jsonl"
    path.write_text("\n".join(content), encoding="utf-8")
    return path


def test_json_lines_ask_about_documents_of_the_store(tmp_path: Path) -> None:
    """The quote says where the answer stands; without an answer it is the answer; without a source there is none."""
    quote = '"source": "arlen.md", "quote": "The lighthouse was built in 1871."'
    path = lines(
        tmp_path,
        f'{{"question": "When?", "answer": "1871", {quote}}}',
        f'{{"question": "What of it?", {quote}}}',
        '{"question": "Who?"}',
    )
    when, what, who = read_lines(path, TEXTS).questions
    assert ("1871", "The lighthouse was built in 1871.", "") == (when.wording, what.wording, who.wording)
    assert when.gold is not None
    assert "The lighthouse was built in 1871." == TEXTS["arlen.md"][slice(*when.gold)]
    assert who.gold is None


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ('"source": "bray.md", "quote": "x"', "bray.md is not in the store"),
        ('"source": "arlen.md", "quote": "in 1999."', "its quote is not in arlen.md"),
        ('"source": "arlen.md"', "has a source and no quote"),
    ],
)
def test_a_quote_that_its_document_does_not_have_is_left_out(tmp_path: Path, fields: str, problem: str) -> None:
    """And told with the question's id."""
    file = read_lines(lines(tmp_path, f'{{"id": "a", "question": "When?", {fields}}}'), TEXTS)
    assert ([], [f"a: {problem}"]) == (list(file.questions), list(file.left_out))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    """There is nothing to learn from."""
    with pytest.raises(InvalidDataset, match="no question"):
        read_lines(lines(tmp_path, ""), TEXTS)
