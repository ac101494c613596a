"""What every question of `python -m evaluation answers` has, whichever file it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from agent.schemas import Language
from evaluation.dataset import lot


@dataclass(frozen=True, slots=True)
class AnswerQuestion:
    """A question about the documents of one corpus. `type` and `language` group the figures."""

    id: str
    corpus: str
    language: Language
    text: str
    type: str
    answerable: bool


Q = TypeVar("Q", bound=AnswerQuestion)


def draw(questions: Sequence[Q], limit: int | None, seed: int) -> list[Q]:
    """At most `limit` of the questions, in their order; the same seed draws the same ones."""
    if limit is None or limit >= len(questions):
        return list(questions)
    drawn = {question.id for question in sorted(questions, key=lambda asked: lot(asked.id, seed))[:limit]}
    return [question for question in questions if question.id in drawn]
