"""Abstention: when there is no answer, and what is said then; and what is said of the documents themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.answering.composition import AnswerComposer
from agent.schemas import Language, Reason

UNANSWERED: dict[Reason, dict[Language, str]] = {
    "out_of_corpus": {
        "en": "The documents do not say.",
        "es": "Los documentos no lo dicen.",
    },
    "unsupported": {
        "en": "The documents touch on this, but nothing in them could be verified as the answer.",
        "es": "Los documentos tratan de esto, pero nada en ellos se pudo verificar como respuesta.",
    },
    "underspecified": {
        "en": "Please say what you mean: the question does not name what it is about.",
        "es": "Concreta la pregunta, por favor: no dice de qué trata.",
    },
}
# After the answer to the other half of a question.
NOTHING_ABOUT: dict[Language, str] = {
    "en": "The documents do not say anything about “{}”.",
    "es": "Los documentos no dicen nada sobre «{}».",
}
NOTHING_VERIFIED: dict[Language, str] = {
    "en": "Nothing in the documents could be verified as an answer to “{}”.",
    "es": "Nada en los documentos se pudo verificar como respuesta a «{}».",
}
_CORPUS: dict[Language, str] = {
    "en": "I answer from {count} documents. Among them: {titles}.",
    "es": "Respondo con {count} documentos. Entre ellos: {titles}.",
}
_ALL: dict[Language, str] = {
    "en": "I answer from {count} documents: {titles}.",
    "es": "Respondo con {count} documentos: {titles}.",
}
_ONE: dict[Language, str] = {
    "en": "I answer from one document: {titles}.",
    "es": "Respondo con un documento: {titles}.",
}
_MAX_TITLES = 12


@dataclass(frozen=True, slots=True)
class Limits:
    """Below `min_relevance` the documents are not about the question; below `min_confidence` a quote is no answer."""

    min_relevance: float
    min_confidence: float


def about_corpus(answer: AnswerComposer, titles: Sequence[tuple[str, Language]], language: Language) -> None:
    """Say what there is to ask about: the titles, those in the caller's language first."""
    ordered = sorted(dict.fromkeys(titles), key=lambda entry: entry[1] != language)
    template = _ONE if len(titles) == 1 else _ALL if len(ordered) <= _MAX_TITLES else _CORPUS
    named = "; ".join(title for title, _ in ordered[:_MAX_TITLES])
    answer.say(template[language].format(count=len(titles), titles=named))
