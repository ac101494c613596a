"""How likely it is that the documents hold the answer: 0 to 1, even odds at 0.5."""

import math
from collections.abc import Sequence

from agent.retrieval.evidence import Evidence
from agent.schemas import Language
from agent.text.words import terms

# Midpoint and steepness of the logistic curve over the best sentence's cosine. Models differ in where "related" begins:
# multilingual-e5-small puts everything between 0.7 and 1 (on docs/, 16 questions it answers had 0.861 and more, 15
# questions about something else 0.836 and less, 2026-11-24); MiniLM spreads from 0 to 1.
_CALIBRATION = {"e5": (0.848, 60.0), "hashing": (0.25, 12.0)}
_USUAL = (0.42, 12.0)
# Shared words speak for the answer, their absence not against it: the question may be in another language.
_WORDS_WEIGHT = 1.5
_BEST = 5


def relevance(question: str, language: Language, evidence: Sequence[Evidence], embedder: str) -> float:
    """From the cosine of the best evidence, and the share of the question's words in its passage; 0 without any."""
    if not evidence:
        return 0.0
    midpoint, steepness = next((curve for key, curve in _CALIBRATION.items() if key in embedder), _USUAL)
    cosine = max(item.cosine for item in evidence[:_BEST])
    shared = max(_share(question, language, item) for item in evidence[:_BEST])
    return 1.0 / (1.0 + math.exp(-steepness * (cosine - midpoint) - _WORDS_WEIGHT * shared + 0.3))


def _share(question: str, language: Language, item: Evidence) -> float:
    asked = set(terms(question, language))
    chunk = item.passage.chunk
    return len(asked & set(terms(f"{chunk.heading} {chunk.text}", chunk.language))) / max(len(asked), 1)
