"""Rewriting: what to search for, and the shape that the answer should have.

A follow-up ("and when was he born?") is recognised by a gate of rules and searched together with the turns before it;
all earlier turns together find less (Katsis et al. 2025, MTRAG, and our measurement in docs/evaluation.md). Two
questions in one, and each side of a comparison, are searched on their own. The question as it was asked always stays
one of the queries. A model that can (`Rewriter`) words a follow-up as a question that stands alone; rules do the rest.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agent.answering.generation import Generator
from agent.answering.prompts import rewriting as prompt
from agent.answering.router import is_small_talk
from agent.errors import PromptTooLong
from agent.schemas import Language, Message, Route, Usage
from agent.text.compound import compared, enumerated, joined
from agent.text.reference import leans_on_history, says_nothing
from agent.text.sentences import split_units

Shape = Literal["fact", "list", "steps", "comparison", "explanation", "table"]

# Of a long message only the end: the embedder reads a few hundred words, and the question must be among them.
_PREVIOUS_CHARS = 400
_ANSWER_CHARS = 200
_MAX_SUBQUERIES = 4
_TOLD = re.compile(r"[^.!?¿]{8,200}[.!]\s+")
_MAX_REWRITTEN_TOKENS = 64
_MAX_REWRITTEN_CHARS = 400

# What asks for each shape, in both languages; the first that is found decides.
_SHAPES: tuple[tuple[Shape, tuple[str, ...]], ...] = (
    (
        "comparison",
        (
            r"\b(?:differences?|differs?|compar\w+|versus|vs\.?|better|worse|rather than|as opposed to)\b",
            r"\bpros and cons\b",
            r"\b(?:in each case|respectively|both cases|either way)\b",
            r"\b(?:diferencias?|diferencian?|frente a|(?:mejor|peor) que|en cambio|ventajas e inconvenientes)\b",
            r"\b(?:en cada (?:caso|uno|una)|respectivamente|ambos casos)\b",
        ),
    ),
    (
        "table",
        (
            r"\b(?:(?:as|in) a table|table of|for each|per (?:country|plan|level|month|year|type))\b",
            r"\b(?:una? tabla|(?:para|por) cada)\b",
        ),
    ),
    (
        "steps",
        (
            r"\b(?:how (?:do|can|should|would|must|to)|steps?|procedure|walk me through|set ?up|instructions)\b",
            r"\bwhat (?:do|must|should) (?:i|we) (?:have to )?do\b",
            r"(?:^|[¿(,.;:]\s*|\by )c[oó]mo (?!(?:es|son|est[aá]n?|era|fue|se llaman?)\b)\w+",
            r"\b(?:pasos?|procedimiento|instrucciones|comandos)\b",
            r"\bqu[eé] (?:hay|tengo|tenemos|debo|debemos) (?:que )?hacer",
        ),
    ),
    (
        "list",
        (
            r"\b(?:lists?|enumerate|name (?:all|the|every)|all (?:of )?the|every|each|what are|which are|examples)\b",
            r"\b(?:what|which) (?:kinds?|types?|sorts?)\b|\b(?:categories|options|requirements|reasons)\b",
            r"\bwhat'?s in\b",
            r"\b(?:which|what) (?:\w+ ){0,2}?\w{3,}(?<!is)(?<!does)(?<!was)(?<!ss)(?<!us)s "
            r"(?:are|do|can|must|should|have|count|need|were|will|come|exist|belong)\b",
            r"\b(?:lista|listado|enumera\w*|nombra|tod[oa]s l[oa]s|cu[aá]les)\b",
            r"\bqu[eé] (?:[a-záéíóúñ]{3,}(?:os|as|es)|incluye|contiene|trae)\b",
        ),
    ),
    (
        "explanation",
        (
            r"\b(?:why|explain|what happens|how come|reason|describe|what does .{1,60} mean)\b",
            r"\b(?:por qu[eé]|explica\w*|para qué|qu[eé] (?:pasa|ocurre|sucede)|motivo|en qu[eé] consiste)\b",
        ),
    ),
)
_ASKING_FOR = tuple((shape, re.compile("|".join(patterns), re.IGNORECASE)) for shape, patterns in _SHAPES)


@dataclass(frozen=True, slots=True)
class Subquery:
    """One thing to find out. The last of the queries stands for it; the others help to find passages."""

    text: str
    queries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What to search for; no sub-queries when the question does not say what it is about.

    `standalone` is the question as it can be understood without the conversation, as far as that is known.
    """

    route: Route
    shape: Shape
    standalone: str
    subqueries: tuple[Subquery, ...]


def rewrite(question: str, history: Sequence[Message], language: Language) -> Rewriting:
    """What rules can tell of a question, at no cost."""
    shape = shape_of(question)
    previous, answer = _last_exchange(history)
    if previous is not None and leans_on_history(question, language):
        together = f"{previous[-_PREVIOUS_CHARS:]} {question}"
        queries = [question, together]
        if answer:
            queries.insert(1, f"{answer[:_ANSWER_CHARS]} {question}")
        return Rewriting("followup", shape, question, (Subquery(question, tuple(queries)),))
    if says_nothing(question, language):
        return Rewriting("question", shape, question, ())
    if sides := compared(question, language):
        return Rewriting("compound", "comparison", question, _parts(question, sides))
    if parts := joined(question, language):
        return Rewriting("compound", shape, question, _parts(question, parts))
    each = (*enumerated(question)[:_MAX_SUBQUERIES], question)
    return Rewriting("question", shape, question, (Subquery(question, each),))


def shape_of(question: str) -> Shape:
    """The shape that an answer to this question has, by the words that ask."""
    return next((shape for shape, pattern in _ASKING_FOR if pattern.search(question[:_MAX_REWRITTEN_CHARS])), "fact")


class Rewriter:
    """Words follow-ups as questions that stand alone, with the answering model.

    Args:
        generator: of the engine.
    """

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    async def standalone(
        self, question: str, history: Sequence[Message], language: Language, *, salt: bytes, deadline: float | None
    ) -> tuple[str | None, Usage]:
        """The question with what the conversation adds to it, None when the model does not word one; and its tokens.

        Raises:
            DeadlineExceeded, GenerationFailed, ...: as `Generator.generate`; not PromptTooLong.
        """
        turns = [message for message in history if not is_small_talk(message.content)]
        messages = prompt.messages(question, turns, language)
        try:
            made = await self._generator.generate(
                messages, max_tokens=_MAX_REWRITTEN_TOKENS, adapter=None, stop=("\n",), salt=salt, deadline=deadline
            )
        except PromptTooLong:
            return None, Usage()
        text = " ".join(made.text.strip().strip('"“”«»').split())
        usable = made.complete and 0 < len(text) <= _MAX_REWRITTEN_CHARS and text.endswith("?")
        return (text if usable else None), made.usage


def _parts(question: str, parts: Sequence[str]) -> tuple[Subquery, ...]:
    """A sub-query for each part. What is told before the question ("We have a baby.") is about all of them."""
    match = _TOLD.match(question)
    # "Madrid vs. Barcelona" tells nothing before it asks.
    told = match.group() if match and next(split_units(question)).end < match.end() else ""
    whole = [part if not told or part.startswith(told.strip()) else f"{told}{part}" for part in parts]
    return tuple(Subquery(part, (question, query)) for part, query in zip(parts, whole, strict=True))


def _last_exchange(history: Sequence[Message]) -> tuple[str | None, str | None]:
    """The last question that asked something, and the answer to it."""
    for place in reversed(range(len(history))):
        message = history[place]
        if message.role == "user" and not is_small_talk(message.content):
            replies = [later.content for later in history[place + 1 :] if later.role == "assistant"]
            return message.content, replies[0] if replies else None
    return None, None
