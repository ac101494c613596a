"""Sentences that give orders to a language model, as documents smuggle them in."""

import re

_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget|override)\s+(?:\w+\s+){0,4}"
    r"(?:instructions?|questions?|prompts?|rules|above|previous|earlier)\b|"
    r"\b(?:ignor[ae]d?|olvid[ae]d?|descart[ae]d?|omit[ae]d?)\s+(?:\w+\s+){0,4}"
    r"(?:instrucci[oó]n(?:es)?|preguntas?|reglas|anterior(?:es)?)\b|"
    r"\b(?:system prompt|mensaje de sistema)\b",
    re.IGNORECASE,
)


def gives_orders(text: str) -> bool:
    """Whether it tells a reader to disregard the question or the instructions."""
    return _ORDER.search(text) is not None
