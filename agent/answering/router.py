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
from agent.store.store import Store
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
_FILES = r"(?:documents|files|sources|docs)"
_ARCHIVOS = r"(?:documentos|archivos|fuentes|ficheros)"
# Whole sentences: "which files are there?" is about the corpus, "which files are needed to deploy?" is for it.
_CORPUS = re.compile(
    rf"(?:what|which|how many) {_FILES}(?: (?:do you (?:have|know|use|read|search)|have you (?:got|read|loaded)|"
    rf"are there|are (?:loaded|available|indexed)|can you (?:see|read|search|access)))?|"
    rf"(?:list|show)(?: me)? (?:all )?(?:the |your )?{_FILES}|"
    rf"what (?:are|is) (?:the|these|your) {_FILES} about|"
    rf"(?:what|which) (?:topics|subjects|themes) (?:do you (?:cover|know(?: about)?)|are (?:there|covered)|"
    rf"can i ask(?: you)? about|do (?:the|these|your) {_FILES} cover)|"
    rf"what can i ask(?: you)?(?: about)?|what (?:is|s) in your (?:library|knowledge base|index)|"
    rf"(?:que|cuales|cuantos|cuantas) (?:son )?(?:los |las )?(?:tus )?{_ARCHIVOS}(?: (?:tienes|hay|conoces|usas|"
    rf"has (?:leido|cargado)|puedes (?:ver|leer|consultar)))?|"
    rf"(?:lista|muestra|muestrame|enumera) (?:todos )?(?:los |las |tus )?{_ARCHIVOS}|"
    rf"(?:de|sobre) que (?:tratan|hablan|van) (?:los|las|tus|estos|estas) {_ARCHIVOS}|"
    rf"(?:(?:de|sobre|acerca de) )?que (?:te )?puedo preguntar(?:te)?|"
    rf"(?:(?:de|sobre) )?que temas (?:cubres|conoces|abarcas|tratas|hay|(?:te )?puedo preguntar(?:te)?|"
    rf"(?:tratan|cubren|abarcan) (?:los|tus|estos) {_ARCHIVOS})"
)

# Nearest neighbours for what the rules do not know. "question" stands for every ordinary one.
PROTOTYPES: dict[str, tuple[str, ...]] = {
    "chat": (
        "tell me a joke", "I am bored", "do you know a joke?", "do you like music?", "do you like sports?",
        "are you a robot?", "what is your name?", "how old are you?", "nice to meet you", "you are very helpful",
        "that was useful, thank you", "sorry for that", "sorry, my mistake", "never mind", "forget it", "what's up?",
        "can you help me?", "cuéntame un chiste", "estoy aburrido", "¿te gusta la música?",
        "¿te gustan los deportes?", "¿eres un robot?", "¿cómo te llamas?", "¿cuántos años tienes?",
        "encantado de conocerte", "eres muy útil", "eso me sirve, gracias", "perdona, me he equivocado",
        "da igual, déjalo", "¿qué pasa?", "¿me puedes ayudar?", "¿puedes ayudarme?", "mucho gusto", "olvídalo",
    ),
    "corpus": (
        "what do your documents cover?", "which documents were loaded into you?",
        "give me an overview of the documents", "summarise your documents", "with which documents do you work?",
        "what information do you have?", "what do you know about?", "summarise what is in your library",
        "¿qué abarcan tus documentos?", "¿qué documentos te han cargado?", "¿con qué documentos trabajas?",
        "dame un resumen de los documentos", "¿qué información tienes?", "¿de qué sabes?",
        "resume lo que hay en tu biblioteca",
    ),
    "question": (
        "who founded the company?", "when was it built?", "how do I set the port?", "why does the request fail?",
        "what is the population of the city?", "how many people live there?", "which setting changes the timeout?",
        "what is the difference between the two?", "where is the river?", "what does the law say about it?",
        "how old is the building?", "what is the name of the river?", "how much does the plan cost?",
        "what kind of music did he write?", "what information does the header carry?", "how do I configure it?",
        "which documents are required for the permit?", "give me an overview of the first chapter",
        "can you help me with the invoice?", "what can the dogs do?", "what topics does the book deal with?",
        "what do you know about Newton?", "do you have information about taxes?", "what data do you collect?",
        "what does your insurance policy cover?", "how old must you be to drive?", "what information do you need?",
        "¿quién fundó la empresa?", "¿cuándo se construyó?", "¿cómo cambio el puerto?", "¿por qué falla la petición?",
        "¿cuál es la población de la ciudad?", "¿cuánta gente vive allí?", "¿qué ajuste cambia el plazo?",
        "¿qué diferencia hay entre los dos?", "¿dónde está el río?", "¿qué dice la ley sobre eso?",
        "¿cuántos años tiene el edificio?", "¿cómo se llama el río?", "¿cuánto cuesta el plan?",
        "¿qué tipo de música escribió?", "¿qué información lleva la cabecera?", "¿cómo se configura?",
        "¿qué documentos necesito para el trámite?", "dame un resumen del primer capítulo",
        "¿me puedes ayudar con el pedido?", "¿qué pueden hacer los perros?", "¿qué temas trata el libro?",
        "¿qué sabes de Newton?", "¿tienes información sobre impuestos?", "¿qué datos recogéis?",
        "¿qué cubre vuestro seguro?", "¿cuántos años hay que tener para conducir?", "¿qué información necesitáis?",
    ),
}  # fmt: skip
PROTOTYPE_TEXTS = tuple(text for utterances in PROTOTYPES.values() for text in utterances)
# How much nearer than the nearest ordinary question, in cosine, and how near at all.
_MARGIN = 0.03
_NEAR = {"chat": 0.92, "corpus": 0.93}
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
        embedder: compares with the prototypes.
        store: has their vectors, if this embedder and this version built it; else they are embedded here.
    """

    def __init__(self, embedder: Embedder, store: Store | None = None) -> None:
        vectors = store.question_vectors(PROTOTYPE_TEXTS) if store is not None else None
        self._vectors = embedder.embed_questions(PROTOTYPE_TEXTS) if vectors is None else vectors
        self._kinds = [kind for kind, utterances in PROTOTYPES.items() for _ in utterances]

    def by_rules(self, question: str, language: Language) -> Decision | None:
        """What the rules know for certain; None when they do not.

        Small talk only when every word of it is: a greeting before a question is still a question.
        """
        said = words(question)
        if (kind := _small_talk(said)) is not None:
            return Decision("smalltalk", kind, _REPLIES[kind][language])
        return Decision("corpus", "corpus") if _CORPUS.fullmatch(" ".join(said)) else None

    def by_prototypes(self, query: Query, language: Language) -> Decision:
        """What the nearest prototypes say: a question, unless it is short and clearly something else.

        `language` is that of the reply.
        """
        if len(query.text.split()) > _MOST_WORDS:
            return QUESTION
        cosines = self._vectors @ query.vector
        nearest = {kind: max(_of_kind(cosines, self._kinds, kind)) for kind in PROTOTYPES}
        kind = max(("chat", "corpus"), key=nearest.__getitem__)
        if nearest[kind] < _NEAR[kind] or nearest[kind] - nearest["question"] < _MARGIN:
            return QUESTION
        if kind == "corpus":
            return Decision("corpus", "corpus")
        return Decision("smalltalk", "chat", _REPLIES["chat"][language])


def _of_kind(cosines: Vectors, kinds: Sequence[str], kind: str) -> list[float]:
    return [float(cosine) for cosine, its in zip(cosines, kinds, strict=True) if its == kind]


def is_small_talk(text: str) -> bool:
    """Whether every word of it is a greeting, thanks, a farewell, or asks who answers."""
    return _small_talk(words(text)) is not None


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
