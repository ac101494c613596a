"""Questions with known answers, from both kinds of files."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluation.squad_files import LIGHTHOUSE, article, question, write
from tests.fakes.loading import build_small_store
from training.errors import Refused
from training.question import read_lines
from training.subject import Subject, read_subject

PORT = "The HTTP server listens on port 8000 by default."


def test_a_squad_file_brings_its_own_passages(tmp_path: Path) -> None:
    """And needs no store."""
    asked = [question("When?", "1871", LIGHTHOUSE.index("1871"))]
    subject = read_subject(write(tmp_path, article("Arlen", (LIGHTHOUSE, asked))), None)
    assert subject.documents is not None
    assert [LIGHTHOUSE] == [document.text for document in subject.documents]
    assert [("1871",)] == [one.answers for one in subject.asked]


def test_json_lines_ask_the_users_store(tmp_path: Path) -> None:
    """Ids are those of the training examples, so that it is known which were held out; where no answer is given, the
    quote is it.
    """
    store = build_small_store(tmp_path)
    path = tmp_path / "mine.jsonl"
    path.write_text(
        f'{{"question": "Which port?", "source": "server.md", "quote": "{PORT}"}}\n{{"question": "Who?"}}\n'
    )
    subject = read_subject(path, store)
    port, who = subject.asked
    assert ("mine:q1", (PORT,), True, False) == (port.id, port.answers, port.answerable, who.answerable)
    texts = {"server.md": f"# The server\n\n{PORT} The key goes in X-API-KEY.\n"}
    assert ["mine:q1", "mine:q2"] == [one.id for one in read_lines(path, texts).questions] == [port.id, who.id]
    assert store == subject.prepare(tmp_path / "work", None, None)  # type: ignore[arg-type]


def test_a_quote_that_the_store_does_not_have_is_refused(tmp_path: Path) -> None:
    """Figures about it would be wrong."""
    path = tmp_path / "mine.jsonl"
    path.write_text('{"question": "Which port?", "source": "server.md", "quote": "It is 9000."}\n')
    with pytest.raises(Refused, match="mine:q1"):
        read_subject(path, build_small_store(tmp_path))


@given(limit=st.integers(0, 12), more=st.integers(0, 12), seed=st.integers(0, 9))
def test_a_larger_limit_adds_to_a_smaller_one(limit: int, more: int, seed: int) -> None:
    """So that the base's questions are among the adapter's; all are asked in the file's order."""
    asked = list(range(10))
    subject = Subject("numbers", [_Numbered(str(number)) for number in asked], None, None)  # type: ignore[misc]
    few = [one.id for one in subject.some(limit, seed)]
    many = [one.id for one in subject.some(limit + more, seed)]
    assert min(limit, 10) == len(few)
    assert set(few) <= set(many)
    assert many == sorted(many, key=int)
    assert list(subject.asked) == subject.some(None, seed)


class _Numbered:
    def __init__(self, number: str) -> None:
        self.id = number
