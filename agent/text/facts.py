"""What in a sentence must be right to the letter: numbers, identifiers and names; and whether it says yes or no."""

import re

from agent.schemas import Language
from agent.text.dates import with_iso_dates
from agent.text.words import fold, words

# A number with its separators, signs and units glued to it: 8,000 · 3.14 · -5 · 10:30 · 2026-11-24 · v1.2 · 50%
_NUMBER = re.compile(r"(?:(?<![\w.,)\]])-(?=\d))?\b\w*\d(?:[\w%]|[.,:/-](?=\w))*")
# API_KEYS, top_k, v1/ask; not "and/or". Bounded, or a long chain of hyphens would take minutes.
_IDENTIFIER = re.compile(r"\b[A-Za-z][\w-]{0,99}_[\w-]+|\b\w+(?:/\w+){2,}")
# Months, days and numbers as words; "one" and "uno" are articles as often.
_WORDED = frozenset(
    """
    january february march april may june july august september october november december
    enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
    monday tuesday wednesday thursday friday saturday sunday lunes martes miercoles jueves viernes sabado domingo
    two three four five six seven eight nine ten dos tres cuatro cinco seis siete ocho nueve diez
    """.split()
)
_NAME = re.compile(r"\b[A-ZÁÉÍÓÚÑÜ][\w-]*\w")
_NEGATION: dict[Language, re.Pattern[str]] = {
    "en": re.compile(
        r"\b(?:not|no(?!\.\s*\d)|nor|never|neither|none|nobody|nothing|nowhere|without|cannot)\b|n['’]t\b",
        re.IGNORECASE,
    ),
    "es": re.compile(r"\b(?:no|ni|nunca|jam[aá]s|tampoco|sin|nadie|nada|ning[uú]n|ningun[oa]s?)\b", re.IGNORECASE),
}
_GROUPS = re.compile(r"(?<=\d)[.,](?=\d{3}(?!\d))")


def exact_tokens(text: str) -> set[str]:
    """Numbers and identifiers, folded; thousands without their separators, which English and Spanish write differently.

    Months, days of the week and small numbers count as numbers when they are words, too.
    """
    plain = ungrouped(with_iso_dates(text))
    worded = _WORDED & set(words(plain))
    found = (*worded, *_NUMBER.findall(plain), *_IDENTIFIER.findall(plain))
    return {fold(token).rstrip("%") for token in found}


def ungrouped(text: str) -> str:
    """`text` with its numbers written plainly: thousands without separators, an ASCII minus."""
    return _GROUPS.sub("", text.replace("−", "-"))


def names(text: str) -> set[str]:
    """Capitalised words, folded. The first word of a text is left out: a capital tells nothing there."""
    return {fold(match.group()) for match in _NAME.finditer(text) if match.start() > _first_letter(text)}


def negates(text: str, language: Language) -> bool:
    """Whether something in it is denied. Word counts do not tell "is open" from "is not open"."""
    return _NEGATION[language].search(text) is not None


def _first_letter(text: str) -> int:
    return next((place for place, char in enumerate(text) if char.isalnum()), 0)
