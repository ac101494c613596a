"""Nugget questions, and what counts as stating a fact."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.dataset import InvalidDataset
from evaluation.nuggets import Nugget, NuggetQuestion, load_nuggets, normalise
from tests.evaluation.nugget_files import QUESTIONS, nugget_question, write_lines, write_nuggets

# Letters, signs and white space of English and Spanish texts in Markdown.
TEXTS = st.text(st.sampled_from("aBéñÜ19_*`'’“”«»-–— \u00a0\u200b\n\t.,¿?"))


def question_of(*patterns: str, wrong: tuple[str, ...] = ()) -> NuggetQuestion:
    nuggets = tuple(Nugget(pattern, (re.compile(pattern, re.IGNORECASE),)) for pattern in patterns)
    compiled = tuple(re.compile(pattern) for pattern in wrong)
    return NuggetQuestion("q", "velm", "en", "What?", "fact", bool(nuggets), nuggets, compiled, ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**Árbol**  y\n_niño_", "arbol y nino"),
        ("Use `top_k` – “now”", 'use top_k - "now"'),
        ("it’s 1\u202f000", "it's 1 000"),
        ("__init__ and a_b_", "init and a_b"),
        ("", ""),
    ],
)
def test_a_text_is_normalised(text: str, expected: str) -> None:
    """Case, accents, emphasis, kinds of quotes and of white space do not count; underscores inside a word do."""
    assert expected == normalise(text)


@given(text=TEXTS)
def test_normalising_twice_changes_nothing(text: str) -> None:
    """A normalised text is its own normal form."""
    assert normalise(text) == normalise(normalise(text))


@given(before=TEXTS, after=TEXTS)
def test_a_fact_is_stated_wherever_it_stands(before: str, after: str) -> None:
    """Whatever is written around it on other lines."""
    assert (True,) == question_of("nine florins").hits(f"{before} \n**Nine** florins\n {after}")


@given(text=TEXTS)
def test_there_is_a_hit_for_each_nugget(text: str) -> None:
    """In the order of the nuggets."""
    hits = question_of("a", "b", "q").hits(text)
    assert (3, False) == (len(hits), hits[2])


def test_a_confusion_is_wrong() -> None:
    """Patterns of `wrong` are matched as those of nuggets are."""
    question = question_of(wrong=("ten florins",))
    assert (True, False) == (question.is_wrong("Ten  *florins*."), question.is_wrong("Nine florins."))


def test_the_files_of_a_folder_become_questions(tmp_path: Path) -> None:
    """With compiled patterns, whose accents are dropped, and their sources; unknown fields are passed over."""
    data, corpora = write_nuggets(tmp_path)
    line = nugget_question("x", nuggets=[{"fact": "cañón", "patterns": ["cañón"]}], note="easy")
    extra = write_lines(data / "x.jsonl", line)
    questions = load_nuggets([data / name for name in QUESTIONS] + [extra], corpora)
    assert ["v1", "v2", "v3", "o1", "x"] == [question.id for question in questions]
    assert (True,) == questions[-1].hits("El CANON")
    assert ("harbour.md", False) == (questions[0].sources[0].file, questions[2].answerable)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"velm\.jsonl, line 2: not JSON"),
        ("[]", r"line 2: is a list, not an object"),
        ({"corpus": "tarn"}, r'velm\.jsonl, line 2: the corpus "tarn" is no folder of corpora/'),
        ({"corpus": "../corpora/velm"}, r"line 2: the corpus .* is no folder"),
        ({"nuggets": [{"fact": "a", "patterns": ["a("]}]}, r"line 2\.nuggets\[0\]\.patterns\[0\]: is no regular expr"),
        ({"nuggets": [{"fact": "a", "patterns": ["a{99999999999}"]}]}, r"patterns\[0\]: is no regular expression"),
        ({"wrong": ["*"]}, r"line 2\.wrong\[0\]: is no regular expression: nothing to repeat"),
        ({"nuggets": []}, "line 2: is answerable but has no nuggets"),
        ({"nuggets": [{"fact": "a", "patterns": []}]}, r"line 2\.nuggets\[0\]: has no patterns"),
        ({"language": "fr"}, r'line 2\.language: is neither "en" nor "es"'),
        ({"answerable": "yes"}, r"line 2\.answerable: is a string, not true or false"),
        ({"question": " "}, r"line 2\.question: is blank"),
        ({"id": "v1"}, 'line 2: the id "v1" comes twice'),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: Any, message: str) -> None:
    """By its file and number, and what is wrong with it."""
    (tmp_path / "corpora" / "velm").mkdir(parents=True)
    second = nugget_question("v2") | line if isinstance(line, dict) else line
    file = write_lines(tmp_path / "velm.jsonl", nugget_question("v1"), second)
    with pytest.raises(InvalidDataset, match=message):
        load_nuggets([file], tmp_path / "corpora")


def test_no_question_is_refused(tmp_path: Path) -> None:
    """An empty file and a folder without files hold nothing to evaluate."""
    with pytest.raises(InvalidDataset, match=r"empty\.jsonl: holds no question"):
        load_nuggets([write_lines(tmp_path / "empty.jsonl", "")], tmp_path)
    with pytest.raises(InvalidDataset, match="holds no question"):
        load_nuggets([], tmp_path)
