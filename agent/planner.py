"""The Planner: what to search for. It follows up, splits once, or says that a question is about nothing; no model.

A follow-up ("and when was he born?") is recognised by a gate of rules and searched together with the question before
it; all earlier turns together find less (answering.md, 4.4). Two questions in one, and a comparison of two things, are
searched as two. The question as it was asked always stays one of the queries.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.schemas import Language, Message, Route
from agent.text.words import terms

_FEW_WORDS = 6

# Unfolded: "él" is a pronoun and "el" an article.
_PRONOUNS: dict[Language, frozenset[str]] = {
    "en": frozenset("it its he him his she her hers they them their theirs these those".split()),
    "es": frozenset("él ella ello ellos ellas lo le les su sus suyo suya esto eso aquello ahí allí".split()),
}
# Pronouns in a short question; in a long one more often a conjunction or the place of something that is named.
_POINTERS: dict[Language, frozenset[str]] = {
    "en": frozenset("this that there one ones".split()),
    "es": frozenset("este esta estos estas ese esa esos esas aquel aquella".split()),
}
_ELLIPSIS = re.compile(r"\s*¿?\s*(?:and|but|what about|how about|y|pero|qué tal)\b", re.IGNORECASE)
_TOKEN = re.compile(r"\w+")

_ASKING: dict[Language, str] = {
    "en": r"(?:what|which|who|whom|whose|when|where|why|how|is|are|was|were|do|does|did|can|could|should)",
    "es": r"(?:qu[eé]|cu[aá]l(?:es)?|qui[eé]n(?:es)?|cu[aá]ndo|d[oó]nde|por qu[eé]|c[oó]mo|cu[aá]nt[oa]s?)",
}
_AND: dict[Language, str] = {"en": r"(?:,\s*)?(?:and|or)\s+", "es": r"(?:,\s*)?(?:y|e|o)\s+"}
_COMPARED = re.compile(
    r"(?P<head>.*?\b(?:difference|differences|comparison|compare|diferencias?|compara|comparaci[oó]n)\b.*?"
    r"(?:between|of|entre|de|compare|compara)\s+)(?P<one>.+?)\s+(?:and|to|with|y|e|con)\s+(?P<two>.+?)\s*\??\s*$",
    re.IGNORECASE,
)
_VERSUS = re.compile(r"\s*(?P<one>.+?)\s+(?:vs\.?|versus)\s+(?P<two>.+?)\s*\??\s*$", re.IGNORECASE)
_SHORTEST_PART = 2


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
        together = f"{previous} {question}"
        return Plan("followup", (Part(question, (question, together)),))
    if says_nothing(question, language):
        return Plan("question", ())
    parts = split(question, language)
    if len(parts) == 1:
        return Plan("question", (Part(question, (question,)),))
    return Plan("compound", tuple(Part(part, (question, part)) for part in parts))


def leans_on_history(question: str, language: Language) -> bool:
    """Whether the question points at something said before: a pronoun, an ellipsis, or hardly a word of its own."""
    few = len(_tokens(question)) < _FEW_WORDS
    return bool(
        _ELLIPSIS.match(question) or _points(question, language) or (few and len(terms(question, language)) <= 1)
    )


def says_nothing(question: str, language: Language) -> bool:
    """Whether there is nothing in it to search for: no word that tells, or one beside a pronoun that points nowhere."""
    telling = set(terms(question, language))
    few = len(_tokens(question)) < _FEW_WORDS
    return not telling or (few and len(telling) == 1 and _points(question, language))


def split(question: str, language: Language) -> tuple[str, ...]:
    """The question's two halves, when it plainly has two; else itself."""
    if (match := _COMPARED.match(question) or _VERSUS.match(question)) is not None:
        halves = (match["one"].strip(), match["two"].strip())
        if all(terms(half, language) for half in halves):
            return halves
    joint = re.compile(rf"{_AND[language]}(?=¿?\s*{_ASKING[language]}\b)", re.IGNORECASE)
    for match in joint.finditer(question):
        halves = (question[: match.start()].strip(" ,¿"), question[match.end() :].strip(" ,"))
        if all(len(terms(half, language)) >= _SHORTEST_PART for half in halves):
            return halves
    return (question,)


def _points(question: str, language: Language) -> bool:
    """Whether a pronoun in it stands for something that it does not name."""
    said = _tokens(question)
    pronouns = _PRONOUNS[language] | (_POINTERS[language] if len(said) < _FEW_WORDS else frozenset())
    return any(token in pronouns for token in said)


def _tokens(question: str) -> list[str]:
    return _TOKEN.findall(question.casefold())
