"""Dates in the notations of English and Spanish, as ISO 8601: "5 March 2026", "March 5th, 2026", "5 de marzo de 2026".

A date in figures may have the day or the month first; where both are possible it stands for both days.
"""

import re
from collections.abc import Iterator
from datetime import date

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan enero ene", "february feb febrero", "march mar marzo", "april apr abril abr", "may mayo",
            "june jun junio", "july jul julio", "august aug agosto ago", "september sep sept septiembre setiembre",
            "october oct octubre", "november nov noviembre", "december dec diciembre dic",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_MONTH = rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th|\.?º)?"
_YEAR = r"(?P<year>\d{4})"
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<!\d){_DAY}\s+(?:(?:of|de)\s+)?{_MONTH},?\s+(?:(?:of|de|del)\s+)?{_YEAR}(?!\d)",
        rf"\b{_MONTH}\s+{_DAY},?\s+{_YEAR}(?!\d)",
        r"(?<!\d)(?P<year>\d{4})-(?P<number>\d{1,2})-(?P<day>\d{1,2})(?!\d)",
        r"(?<![\d./-])(?P<one>\d{1,2})(?P<mark>[./-])(?P<two>\d{1,2})(?P=mark)(?P<year>\d{4})(?!\d)",
    )
)
_ANY_YEAR = re.compile(r"\d{4}")


def dates_in(text: str) -> list[str]:
    """The dates that a text names, as "2026-03-05", in the order of their notations; each once."""
    return list(dict.fromkeys(day for _, days in _found(text) for day in days))


def with_iso_dates(text: str) -> str:
    """`text` with each date that can be only one day written as "2026-03-05"."""
    for match, days in sorted(_found(text), key=lambda item: -item[0].start()):
        if len(days) == 1:
            text = text[: match.start()] + days[0] + text[match.end() :]
    return text


def _found(text: str) -> Iterator[tuple[re.Match[str], list[str]]]:
    if _ANY_YEAR.search(text) is None:
        return
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if days := list(dict.fromkeys(_days(match.groupdict()))):
                yield match, days


def _days(found: dict[str, str | None]) -> Iterator[str]:
    year = int(found["year"] or 0)
    if one := found.get("one"):
        two = found["two"] or ""
        pairs = [(int(one), int(two)), (int(two), int(one))]
    elif number := found.get("number"):
        pairs = [(int(found["day"] or 0), int(number))]
    else:
        pairs = [(int(found["day"] or 0), _MONTHS[(found["month"] or "").casefold()])]
    for day, month in pairs:
        try:
            yield date(year, month, day).isoformat()
        except ValueError:
            continue
