"""The Router: small talk, a question about the corpus itself, or a question for it; by rules and prototypes.

Rules take what they recognise for certain. What they do not is compared with prototypes, each an utterance with its
route, by the embedder that is loaded anyway; it takes a clear nearest neighbour to keep a question from the documents.
No language model is asked.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import dropwhile

from agent.retrieval.embedder import Embedder
from agent.retrieval.query import Query
from agent.schemas import Language, Route
from agent.store.vectors import Vectors
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
_CORPUS = re.compile(
    r"(?:what|which|how many) (?:documents|files|sources|docs)(?: (?:do you|can you|are|have you|did you).*)?|"
    r"(?:list|show)(?: me)? (?:all )?(?:the |your )?(?:documents|files|sources|docs)|"
    r"what (?:are|is) (?:the|these|your) (?:documents|docs|files) about|what (?:topics|subjects) .*|"
    r"what can i ask(?: you)?(?: about)?|"
    r"(?:que|cuales|cuantos) (?:son )?(?:los )?(?:tus )?(?:documentos|archivos|fuentes|ficheros)"
    r"(?: (?:tienes|hay|conoces|has).*)?|"
    r"(?:lista|muestra|muestrame|enumera) (?:todos )?(?:los |tus )?(?:documentos|archivos|fuentes|ficheros)|"
    r"(?:de|sobre) que (?:tratan|hablan|van) (?:los|tus|estos) (?:documentos|archivos)|"
    r"(?:sobre|acerca de|de) que (?:te )?puedo preguntar(?:te)?|que (?:te )?puedo preguntar(?:te)?|"
    r"(?:que|de que|sobre que) temas .*"
)  # fmt: skip

# Nearest neighbours for what the rules do not know. "question" stands for every ordinary one.
PROTOTYPES: dict[str, tuple[str, ...]] = {
    "chat": (
        "tell me a joke", "I am bored", "do you like music?", "are you a robot?", "what is your name?",
        "how old are you?", "nice to meet you", "you are very helpful", "that was useful, thank you",
        "sorry, my mistake", "never mind", "what's up?", "can you help me?",
        "cuéntame un chiste", "estoy aburrido", "¿te gusta la música?", "¿eres un robot?", "¿cómo te llamas?",
        "¿cuántos años tienes?", "encantado de conocerte", "eres muy útil", "eso me sirve, gracias",
        "perdona, me he equivocado", "da igual, déjalo", "¿qué pasa?", "¿me puedes ayudar?",
    ),
    "corpus": (
        "what do your documents cover?", "which documents were loaded into you?",
        "give me an overview of the documents",
        "what information do you have?", "what do you know about?", "summarise what is in your library",
        "¿qué abarcan tus documentos?", "¿qué documentos te han cargado?", "dame un resumen de los documentos",
        "¿qué información tienes?", "¿de qué sabes?", "resume lo que hay en tu biblioteca",
    ),
    "question": (
        "who founded the company?", "when was it built?", "how do I set the port?", "why does the request fail?",
        "what is the population of the city?", "how many people live there?", "which setting changes the timeout?",
        "what is the difference between the two?", "where is the river?", "what does the law say about it?",
        "how old is the building?", "what is the name of the river?", "how much does the plan cost?",
        "what kind of music did he write?", "what information does the header carry?", "how do I configure it?",
        "¿quién fundó la empresa?", "¿cuándo se construyó?", "¿cómo cambio el puerto?", "¿por qué falla la petición?",
        "¿cuál es la población de la ciudad?", "¿cuánta gente vive allí?", "¿qué ajuste cambia el plazo?",
        "¿qué diferencia hay entre los dos?", "¿dónde está el río?", "¿qué dice la ley sobre eso?",
        "¿cuántos años tiene el edificio?", "¿cómo se llama el río?", "¿cuánto cuesta el plan?",
        "¿qué tipo de música escribió?", "¿qué información lleva la cabecera?", "¿cómo se configura?",
    ),
}  # fmt: skip
# How much nearer than the nearest ordinary question, in cosine, and how near at all.
_MARGIN = 0.03
_NEAR = 0.9
_MOST_WORDS = 10

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
    "chat": {
        "en": "I only answer questions about the documents. Ask me one.",
        "es": "Solo respondo preguntas sobre los documentos. Hazme una.",
    },
}


@dataclass(frozen=True, slots=True)
class Decision:
    """Where the message goes. `reply` is set for small talk only."""

    route: Route
    kind: str
    reply: str | None = None


QUESTION = Decision("question", "question")


class Router:
    """Decides whether documents are searched at all.

    Args:
        embedder: compares with the prototypes. They are embedded once, here.
    """

    def __init__(self, embedder: Embedder) -> None:
        texts = [text for utterances in PROTOTYPES.values() for text in utterances]
        self._kinds = [kind for kind, utterances in PROTOTYPES.items() for _ in utterances]
        self._vectors = embedder.embed_questions(texts)

    def by_rules(self, question: str, language: Language) -> Decision | None:
        """What the rules know for certain; None when they do not.

        Small talk only when every word of it is: a greeting before a question is still a question.
        """
        said = words(question)
        if (kind := _small_talk(said)) is not None:
            return Decision("smalltalk", kind, _REPLIES[kind][language])
        return Decision("corpus", "corpus") if _CORPUS.fullmatch(" ".join(said)) else None

    def by_prototypes(self, query: Query) -> Decision:
        """What the nearest prototypes say: a question, unless it is short and clearly something else."""
        if len(query.text.split()) > _MOST_WORDS:
            return QUESTION
        cosines = self._vectors @ query.vector
        nearest = {kind: max(_of_kind(cosines, self._kinds, kind)) for kind in PROTOTYPES}
        kind = max(("chat", "corpus"), key=nearest.__getitem__)
        if nearest[kind] < _NEAR or nearest[kind] - nearest["question"] < _MARGIN:
            return QUESTION
        if kind == "corpus":
            return Decision("corpus", "corpus")
        return Decision("smalltalk", "chat", _REPLIES["chat"][query.language])


def _of_kind(cosines: Vectors, kinds: Sequence[str], kind: str) -> list[float]:
    return [float(cosine) for cosine, its in zip(cosines, kinds, strict=True) if its == kind]


def _small_talk(said: list[str]) -> str | None:
    if not said or len(said) > 8:
        return None
    greeted = len(said) - len(list(dropwhile(lambda word: word in _VOCABULARY["greeting"], said)))
    if _ABOUT.fullmatch(" ".join(said[greeted:])):
        return "about"
    for kind, vocabulary in _VOCABULARY.items():
        if said[0] in vocabulary and all(word in vocabulary | _FILLERS for word in said):
            return kind
    return None
