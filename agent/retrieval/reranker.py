"""Reads question and passage together: slower than comparing vectors, and better at telling which passage answers."""

from collections.abc import Sequence
from typing import Protocol

from agent.retrieval.fusion import Scores


class Reranker(Protocol):
    """Scores passages for one question."""

    name: str

    def score(self, question: str, texts: Sequence[str]) -> Scores:
        """How well each text answers, shape (len(texts),); higher is better. Blocking: call it in a thread."""
