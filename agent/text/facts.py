"""What in a sentence must be right to the letter: numbers, identifiers and names."""

import re

from agent.text.words import fold

# A number with its separators, signs and units glued to it: 8,000 · 3.14 · 10:30 · 2026-11-24 · v1.2 · 50%
_NUMBER = re.compile(r"\b\w*\d(?:[\w%]|[.,:/-](?=\w))*")
# API_KEYS, top_k, v1/ask; not "and/or".
_IDENTIFIER = re.compile(r"\b[A-Za-z][\w-]*_[\w-]+|\b\w+(?:/\w+){2,}")
_NAME = re.compile(r"\b[A-ZÁÉÍÓÚÑÜ][\w-]*\w")
_GROUPS = re.compile(r"(?<=\d)[.,](?=\d{3}(?!\d))")


def exact_tokens(text: str) -> set[str]:
    """Numbers and identifiers, folded; thousands without their separators, which English and Spanish write differently.

    A date is a number with separators, or a day and a year beside a word that the word check takes care of.
    """
    plain = _GROUPS.sub("", text)
    found = (*_NUMBER.findall(plain), *_IDENTIFIER.findall(plain))
    return {fold(token).rstrip("%") for token in found}


def names(text: str) -> set[str]:
    """Capitalised words, folded. The first word of a text is left out: a capital tells nothing there."""
    return {fold(match.group()) for match in _NAME.finditer(text) if match.start() > _first_letter(text)}


def _first_letter(text: str) -> int:
    return next((place for place, char in enumerate(text) if char.isalnum()), 0)
