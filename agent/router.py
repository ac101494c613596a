"""The Router: small talk or a question, by rules, without a model."""

import re
from dataclasses import dataclass
from itertools import dropwhile

from agent.schemas import Language, Route
from agent.text.words import words

_GREETINGS = """hi hello hey good morning afternoon evening hola buenas buenos dias tardes noches saludos"""
_THANKS = """thanks thank you very much cheers great gracias muchas muchisimas perfecto genial vale ok okay"""
_FAREWELLS = """bye goodbye see you later adios hasta luego pronto manana chao"""
_FILLERS = frozenset(("there", "askpod", "bot", "friend", "todo", "todos", "a", "y", "and", "so"))
_VOCABULARY = {
    "greeting": frozenset(_GREETINGS.split()),
    "thanks": frozenset(_THANKS.split()),
    "farewell": frozenset(_FAREWELLS.split()),
}
_ABOUT = re.compile(
    r"(?:who|what) are you|what can you do|how are you|how do you do|"
    r"quien eres|que eres|que puedes hacer|que sabes hacer|como estas|que tal(?: estas)?"
)

_REPLIES: dict[str, dict[Language, str]] = {
    "greeting": {
        "en": "Hello! Ask me anything about the documents.",
        "es": "¡Hola! Pregúntame lo que quieras sobre los documentos.",
    },
    "thanks": {"en": "You are welcome.", "es": "De nada."},
    "farewell": {"en": "Goodbye!", "es": "¡Hasta luego!"},
    "about": {
        "en": "I answer questions from the documents I was given, and I cite where each answer comes from.",
        "es": "Respondo preguntas con los documentos que me han dado y cito de dónde sale cada respuesta.",
    },
}


@dataclass(frozen=True, slots=True)
class Decision:
    """Where the question goes. `reply` is set for small talk only."""

    route: Route
    kind: str
    reply: str | None = None


class Router:
    """Decides whether documents are needed at all."""

    def route(self, question: str, language: Language) -> Decision:
        """Small talk only when every word of it is: a greeting before a question is still a question."""
        kind = _small_talk(question)
        if kind is None:
            return Decision("question", "question")
        return Decision("smalltalk", kind, _REPLIES[kind][language])


def _small_talk(question: str) -> str | None:
    said = words(question)
    if not said or len(said) > 8:
        return None
    greeted = len(said) - len(list(dropwhile(lambda word: word in _VOCABULARY["greeting"], said)))
    if _ABOUT.fullmatch(" ".join(said[greeted:])):
        return "about"
    for kind, vocabulary in _VOCABULARY.items():
        if said[0] in vocabulary and all(word in vocabulary | _FILLERS for word in said):
            return kind
    return None
