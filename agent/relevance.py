"""How likely it is that the documents hold the answer."""

from collections.abc import Sequence

from agent.retrieval.evidence import Evidence
from agent.retrieval.retriever import Retrieval
from agent.schemas import Language


def relevance(question: str, language: Language, found: Retrieval, evidence: Sequence[Evidence]) -> float:
    return 1.0
