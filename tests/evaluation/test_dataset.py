"""Reading SQuAD files, and drawing a sample."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluation.dataset import Dataset, GoldPassage, InvalidDataset, Question, sample
from evaluation.squad_file import load_squad
from tests.evaluation.squad_files import FERRY, LIGHTHOUSE, article, question, write


def test_a_file_becomes_passages_and_questions(tmp_path: Path) -> None:
    """Every answer is where its span says; an impossible question keeps its passage and has no answer."""
    asked = [question("When was it built?", "1871", 37), question("Who painted it?", None)]
    path = write(tmp_path, article("Arlen", (LIGHTHOUSE, asked), (FERRY, [])))
    when = Question("When was it built?", "When was it built?", "en", "Arlen", "001-001", ("1871",), ((37, 41),), True)
    who = Question("Who painted it?", "Who painted it?", "en", "Arlen", "001-001", (), (), False)
    passages = (GoldPassage("001-001", "Arlen", LIGHTHOUSE), GoldPassage("001-002", "Arlen", FERRY))
    assert Dataset("island", "en", passages, (when, who)) == load_squad(path)
    assert "1871" == LIGHTHOUSE[37:41]


@pytest.mark.parametrize(
    ("answer", "start", "spans", "notes"),
    [
        ("sails", 10, ((19, 24),), ("moved from 10 to 19",)),
        ("sails", 60, ((51, 56),), ("moved from 60 to 51",)),
        ("sails", 51, ((51, 56),), ()),
        ("  sails ", 49, ((51, 56),), ()),
        ("sails", -9, ((19, 24),), ("moved from -9 to 19",)),
        ("sail boats", 19, (), ("not in its passage",)),
    ],
)
def test_an_answer_is_looked_for_where_it_is_nearest(
    tmp_path: Path, answer: str, start: int, spans: tuple[tuple[int, int], ...], notes: tuple[str, ...]
) -> None:
    """A wrong answer_start moves to the nearest occurrence; without one the answer stays and has no span."""
    found = load_squad(write(tmp_path, article("Arlen", (FERRY, [question("How?", answer, start)]))))
    assert (answer.strip(),) == found.questions[0].answers
    assert spans == found.questions[0].spans
    assert tuple(f"data[0].paragraphs[0].qas[0].answers[0]: {note}" for note in notes) == found.notes


def test_what_is_there_twice_is_read_once(tmp_path: Path) -> None:
    """One passage for the same text, one question for the same question, one answer for several annotators."""
    when = question("When?", "1871", 37)
    twice = when | {"answers": when["answers"] * 3}
    found = load_squad(write(tmp_path, article("A", (LIGHTHOUSE, [twice])), article("B", (f"{LIGHTHOUSE}\n", [twice]))))
    assert (1, 1) == (len(found.passages), len(found.questions))
    assert ("A", ("1871",), ((37, 41),)) == (
        found.questions[0].article,
        found.questions[0].answers,
        found.questions[0].spans,
    )
    assert 2 == len(found.notes)


def test_ids_and_titles_become_distinct(tmp_path: Path) -> None:
    """A taken id gets a number, a missing one its place, an empty title its place, and a taken title a number."""
    same, nameless = question("Once?", "once", 57, id="q"), question("Twice?", "twice", 25)
    del nameless["id"]
    path = write(
        tmp_path,
        article("", (LIGHTHOUSE, [question("When?", "1871", 37, id="q")])),
        article("Sea", (FERRY, [same, nameless, question("Nine?", "9:15", id=7)])),
        article("Sea", ("Seals sleep on the northern beach of the island.", [])),
    )
    found = load_squad(path)
    assert ["q", "q#2", "data[1].paragraphs[0].qas[1]", "7"] == [asked.id for asked in found.questions]
    assert ["Article 1", "Sea", "Sea (2)"] == [passage.article for passage in found.passages]


def test_blank_questions_and_a_byte_order_mark_are_passed_over(tmp_path: Path) -> None:
    """A question of white space is left out and noted."""
    found = load_squad(write(tmp_path, article("A", (FERRY, [question(" \n", "once")])), prefix="\ufeff"))
    assert ((), ("data[0].paragraphs[0].qas[0]: blank question, left out",)) == (found.questions, found.notes)


def test_languages_are_those_of_most_passages_and_most_questions(tmp_path: Path) -> None:
    """Spanish questions about English passages; one question alone does not change the language of the others."""
    asked = [
        question(text, "once", 57) for text in ("¿Cuántas veces navega?", "Ferry Arlen", "¿A qué hora sale el barco?")
    ]
    found = load_squad(write(tmp_path, article("A", (FERRY, asked), (LIGHTHOUSE, []))))
    assert ("en", ["es"] * 3) == (found.language, [each.language for each in found.questions])


def good() -> dict[str, Any]:
    return {"data": [article("A", (FERRY, [question("How often?", "once", 57)]))]}


def damage(**changes: Any) -> dict[str, Any]:
    """The good file with members of its one question replaced."""
    file = good()
    file["data"][0]["paragraphs"][0]["qas"][0].update(changes)
    return file


QAS = r"data\[0\]\.paragraphs\[0\]\.qas\[0\]"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], r"island\.json: not an object with a list named data"),
        ({}, 'has no "data"'),
        ({"data": {}}, "data: is an object, not a list"),
        ({"data": []}, "data: holds no paragraph"),
        ({"data": [7]}, r"data\[0\]: is a number, not an object"),
        ({"data": [{"title": 7, "paragraphs": []}]}, r"data\[0\]\.title: is a number, not a string"),
        ({"data": [{"title": "A"}]}, r'data\[0\]: has no "paragraphs"'),
        ({"data": [article("A", (" \n", []))]}, r"data\[0\]\.paragraphs\[0\]\.context: is blank"),
        ({"data": [article("A", ("\ud800", []))]}, r"context: holds half a surrogate pair"),
        (damage(question=None), rf'{QAS}: has no "question"'),
        (damage(id=1.5), rf"{QAS}\.id: is a number, not a whole number"),
        (damage(answers=[]), rf"{QAS}: has no answer"),
        (damage(answers=[{"text": " "}]), rf"{QAS}: has no answer"),
        (damage(answers=["once"]), rf"{QAS}\.answers\[0\]: is a string, not an object"),
        (damage(answers=[{"text": "once", "answer_start": "57"}]), r"answer_start: is a string, not a whole number"),
        (damage(is_impossible="yes"), rf"{QAS}\.is_impossible: is a string, not true or false"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, content: object, message: str) -> None:
    """The message leads to the value that has to be mended."""
    path = tmp_path / "island.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InvalidDataset, match=message):
        load_squad(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"data": [', "island.json: not JSON: Expecting value at line 1, column 11"),
        ("ñ".encode("latin-1"), "island.json: not UTF-8 text, at byte 0"),
        (b"[" * 200_000, "island.json: not JSON that can be read"),
    ],
)
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    """With the place where reading stopped."""
    (tmp_path / "island.json").write_bytes(content)
    with pytest.raises(InvalidDataset, match=message):
        load_squad(tmp_path / "island.json")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """By its name, without its folder."""
    with pytest.raises(InvalidDataset, match=r"^none\.json: No such file or directory$"):
        load_squad(tmp_path / "none.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("data", "title", "paragraphs", "context", "qas", "question", "id", "answers", "text")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(content=JSON)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_in_the_file_the_error_is_ours(tmp_path: Path, content: object) -> None:
    """A file is read or refused; no other exception ever leaves."""
    path = tmp_path / "any.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    try:
        found = load_squad(path)
    except InvalidDataset:
        return
    assert found.passages


def many(count: int) -> Dataset:
    asked = (Question(f"q{number}", "How?", "en", "A", "p", (), (), False) for number in range(count))
    return Dataset("many", "en", (GoldPassage("p", "A", FERRY),), tuple(asked))


@given(count=st.integers(1, 40), small=st.integers(1, 40), extra=st.integers(0, 10), seed=st.integers())
def test_a_larger_sample_adds_to_a_smaller_one(count: int, small: int, extra: int, seed: int) -> None:
    """A sample has the size asked for, keeps the order and every passage, and grows without losing a question."""
    whole = many(count)
    few, more = sample(whole, small, seed), sample(whole, small + extra, seed)
    assert min(small, count) == len(few.questions)
    assert [asked for asked in whole.questions if asked in few.questions] == list(few.questions)
    assert set(few.questions) <= set(more.questions)
    assert whole.passages == few.passages


def test_another_seed_draws_other_questions() -> None:
    """No limit draws all; a limit of none is a mistake."""
    whole = many(50)
    assert sample(whole, 10, 1) == sample(whole, 10, 1) != sample(whole, 10, 2)
    assert whole == sample(whole, None, 1)
    with pytest.raises(ValueError, match="at least 1"):
        sample(whole, 0, 1)


def test_the_digest_names_the_content() -> None:
    """Another sample has another digest, another name for the same content does not."""
    assert many(3).digest == many(3).digest != many(2).digest
    assert 64 == len(many(3).digest)
