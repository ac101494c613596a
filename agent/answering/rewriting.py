"""The Planner: what to search for. It follows up, splits once, or says that a question is about nothing; no model.

A follow-up ("and when was he born?") is recognised by a gate of rules and searched together with the question before
it; all earlier turns together find less (answering.md, 4.4). Two questions in one, and a comparison of two things, are
searched as two. The question as it was asked always stays one of the queries.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.schemas import Language, Message, Route
from agent.text.compound import split
from agent.text.reference import leans_on_history, says_nothing

_PREVIOUS = 400


@dataclass(frozen=True, slots=True)
class Part:
    """One thing to find out. The last of the queries stands for it; the others help to find passages."""

    text: str
    queries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to search for; no parts when the question does not say what it is about."""

    route: Route
    parts: tuple[Part, ...]


def plan(question: str, history: Sequence[Message], language: Language) -> Plan:
    """How to find the answer."""
    previous = next((message.content for message in reversed(history) if message.role == "user"), None)
    if previous is not None and leans_on_history(question, language):
        # Of a long message only the end: the embedder reads a few hundred words, and the question must be among them.
        together = f"{previous[-_PREVIOUS:]} {question}"
        return Plan("followup", (Part(question, (question, together)),))
    if says_nothing(question, language):
        return Plan("question", ())
    parts = split(question, language)
    if len(parts) == 1:
        return Plan("question", (Part(question, (question,)),))
    return Plan("compound", tuple(Part(part, (question, part)) for part in parts))
