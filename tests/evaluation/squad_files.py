"""Small SQuAD files of our own invention."""

import json
from pathlib import Path
from typing import Any

LIGHTHOUSE = "The lighthouse of Arlen was built in 1871. Its keeper, Maud Fenn, wrote a diary for 40 years."
FERRY = "The ferry to Arlen sails twice a day. In winter it sails once, at 9:15."


def question(text: str, answer: str | None, start: int = 0, **more: Any) -> dict[str, Any]:
    """A question with one answer, or one that is impossible."""
    if answer is None:
        return {"id": text, "question": text, "answers": [], "is_impossible": True} | more
    return {"id": text, "question": text, "answers": [{"text": answer, "answer_start": start}]} | more


def article(title: str, *paragraphs: tuple[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """An article of (context, questions)."""
    return {"title": title, "paragraphs": [{"context": context, "qas": qas} for context, qas in paragraphs]}


def write(folder: Path, *articles: dict[str, Any], name: str = "island.json", prefix: str = "") -> Path:
    """The file's path."""
    path = folder / name
    path.write_text(prefix + json.dumps({"version": "v2.0", "data": articles}), encoding="utf-8")
    return path
