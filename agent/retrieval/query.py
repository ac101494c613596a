"""A question, as retrieval sees it."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.retrieval.embedder import Embedder
from agent.schemas import Language
from agent.store.vectors import Vectors
from agent.text.words import terms


@dataclass(frozen=True, slots=True)
class Query:
    """Its vector, shape (dimension,), and its terms: stemmed in its own language, each once."""

    text: str
    language: Language
    vector: Vectors
    terms: tuple[str, ...]


def make_queries(texts: Sequence[str], language: Language, embedder: Embedder) -> list[Query]:
    """All of them embedded at once. Blocking: call it in a thread."""
    vectors = embedder.embed_questions(texts)
    return [
        Query(text, language, vector, tuple(dict.fromkeys(terms(text, language))))
        for text, vector in zip(texts, vectors, strict=True)
    ]
