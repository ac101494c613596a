"""The questions of evaluation/answers.jsonl, about the guides, with the facts of a complete answer."""

import json
import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TYPES = {"fact", "list", "steps", "comparison", "why", "multi_hop", "table", "unanswerable"}


def normalise(text: str) -> str:
    """Lower case without accents, backticks and asterisks, on one line."""
    letters = unicodedata.normalize("NFKD", text.translate({ord(sign): None for sign in "*`"})).lower()
    return " ".join("".join(char for char in letters if not unicodedata.combining(char)).split())


def states(text: str, patterns: list[str]) -> bool:
    """Whether one of the patterns is in the text."""
    return any(re.search(normalise_pattern(pattern), normalise(text)) for pattern in patterns)


def normalise_pattern(pattern: str) -> str:
    """The pattern without accents."""
    letters = unicodedata.normalize("NFKD", pattern)
    return "".join(char for char in letters if not unicodedata.combining(char))


@pytest.fixture(scope="module")
def questions() -> list[dict[str, Any]]:
    lines = (ROOT / "evaluation" / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_every_quote_stands_in_its_guide(questions: list[dict[str, Any]]) -> None:
    """A guide that changes takes its questions along."""
    quoted = [(one["id"], s["file"], quote) for one in questions for s in one["sources"] for quote in s["quotes"]]
    missing = [entry for entry in quoted if entry[2] not in (DOCS / entry[1]).read_text(encoding="utf-8")]
    assert [] == missing


def test_the_quotes_of_a_question_state_its_facts(questions: list[dict[str, Any]]) -> None:
    """Where question and guide are in one language, an answer that quotes its sources is complete, and not wrong."""
    failed = []
    for one in questions:
        text = "\n".join(quote for source in one["sources"] for quote in source["quotes"])
        stated = [(n["fact"], states(text, n["patterns"])) for n in one["nuggets"]]
        failed += [(one["id"], fact) for fact, found in stated if not found and not one["cross_lingual"]]
        failed += [(one["id"], pattern) for pattern in one["wrong"] if states(text, [pattern])]
    assert [] == failed


def test_no_question_states_its_answer(questions: list[dict[str, Any]]) -> None:
    """An answer that only repeats the question states nothing."""
    given = [(q["id"], n["fact"]) for q in questions for n in q["nuggets"] if states(q["question"], n["patterns"])]
    assert [] == given


def test_the_set_has_both_languages_and_all_types(questions: list[dict[str, Any]]) -> None:
    """Fifteen questions in each language, of every type, some across languages, each once."""
    assert {"en": 15, "es": 15} == Counter(one["language"] for one in questions)
    assert {(language, kind) for language in ("en", "es") for kind in TYPES} == {
        (one["language"], one["type"]) for one in questions
    }
    assert len(questions) == len({one["id"] for one in questions})
    assert sum(one["cross_lingual"] for one in questions) >= 3
    assert all(one["answerable"] == bool(one["nuggets"]) == bool(one["sources"]) for one in questions)
