"""Two questions in one, and comparisons of two things: where they are cut."""

import re
from collections.abc import Iterator

from agent.schemas import Language
from agent.text.reference import has_hardly_a_word, points, telling_terms

# A longer text is not plainly two questions. It also bounds what the patterns below can cost.
_LONGEST = 400

# What a second question begins with.
_ASKING: dict[Language, str] = {
    "en": r"(?:(?:in|on|at|to|from|for|with|by|of)\s+)?(?:what|which|who|whom|whose|why|how|"
    r"(?:when|where)\s+(?:is|are|was|were|do|does|did|can|should|will|has|have|had))\b",
    "es": r"(?:(?:a|de|en|con|por|para|desde|hasta|sobre)\s+)?"
    r"(?:qué|cuál|cuáles|quién|quiénes|cuándo|dónde|cómo|cuánt[oa]s?)\b",
}
# As people type it who leave accents out; "que" is then also "that".
_UNACCENTED = r"(?:(?:a|de|en|con|por|para)\s+)?(?:que|cual|cuales|quien|quienes|cuando|donde|como|cuant[oa]s?)\b"
_AND: dict[Language, str] = {"en": r",?\s+(?:and|or)\s+", "es": r",?\s+(?:y|e|o)\s+"}
# Names what is asked about and asks nothing yet: "How many people and which animals live there?"
_ONLY_NAMES: dict[Language, re.Pattern[str]] = {
    "en": re.compile(r"(?:\w+\s+)?(?:what|which|whose|how\s+(?:many|much|long|old|far|often|big))(?:\s+\w+)?", re.I),
    "es": re.compile(r"(?:\w+\s+)?(?:qu[eé]|cu[aá]l(?:es)?|cu[aá]nt[oa]s?)(?:\s+\w+)?", re.IGNORECASE),
}
_COMPARISONS = tuple(
    re.compile(pattern + r"\s*\??", re.IGNORECASE)
    for pattern in (
        r".*?\b(?:differences?|comparison|diferencias?|comparaci[oó]n)\b.*?\b(?:between|entre)\s+"
        r"(?P<one>.+?)\s+(?:and|y|e)\s+(?P<two>.+?)",
        r".*?\b(?:comparison|comparaci[oó]n)\s+(?:of|de)\s+(?P<one>.+?)\s+(?:and|to|with|y|e|con)\s+(?P<two>.+?)",
        r"(?:please )?(?:compare|compara|comparar)\s+(?P<one>.+?)\s+(?:and|to|with|y|e|con)\s+(?P<two>.+?)",
        r"how\s+(?:do|does|is|are)\s+(?P<one>.+?)\s+(?:compared?\s+(?:to|with)|differ(?:ent)?\s+from)\s+(?P<two>.+?)",
        r"¿?en\s+qu[eé]\s+se\s+(?:diferencian?|parecen?)\s+(?P<one>.+?)\s+(?:y|e|de|a)\s+(?P<two>.+?)",
        r"¿?(?:which|who|qu[eé]|cu[aá]l|qui[eé]n)\b[^,:?]*[,:]\s*(?P<one>.+?)\s+(?:or|vs\.?|versus|o)\s+(?P<two>.+?)",
    )
)
_VERSUS = re.compile(r"(?P<one>.+?)\s+(?:vs\.?|versus)\s+(?P<two>.+?)\s*\??", re.IGNORECASE)
# "logs, backups and mails": at least two commas, or a comma and a conjunction, with a few words between them.
_ITEM = r"[^,;:?]{2,60}"
_ENUMERATION = re.compile(
    rf"{_ITEM}(?:,\s+(?!(?:and|or|y|e|o|u)\b){_ITEM}){{1,4}},?\s+(?:and|or|y|e|o|u)\s+{_ITEM}", re.IGNORECASE
)
_BETWEEN_ITEMS = re.compile(r",?\s+(?:and|or|y|e|o|u)\s+|,\s+", re.IGNORECASE)
_ITEM_WORDS = 2
_ANY_ASKING = re.compile(
    r"\b(?:what|which|who|how|when|where|why|qu[eé]|cu[aá]l(?:es)?|qui[eé]n(?:es)?|c[oó]mo|cu[aá]ndo|d[oó]nde|cu[aá]nt[oa]s?)\b",
    re.IGNORECASE,
)
_BEGINS_ASKING = re.compile(r"¿|(?:what|which|who|whom|whose|when|where|why|how|in|is|are|do|does|did)\b", re.I)


def compared(question: str, language: Language) -> tuple[str, str] | None:
    """The two things that the question compares, None when it compares nothing."""
    asked = " ".join(question.split())
    return next(_compared(asked, language), None) if len(asked) <= _LONGEST else None


def joined(question: str, language: Language) -> tuple[str, str] | None:
    """The two questions in it, None when it is not plainly two; a comparison is one."""
    asked = " ".join(question.split())
    return next(_joined(asked, language), None) if len(asked) <= _LONGEST else None


def enumerated(question: str) -> tuple[str, ...]:
    """A question for each of three or more things that it names in a row, none when it names no such row.

    "How long are logs, backups and mails kept?" is asked of each: what stands before the first thing is repeated.
    """
    asked = " ".join(question.split()).rstrip(" ?")
    match = _ENUMERATION.search(asked) if len(asked) <= _LONGEST else None
    if match is None:
        return ()
    first, *others = (part for part in _BETWEEN_ITEMS.split(match.group()) if part.strip())
    if any(map(_ANY_ASKING.search, others)):
        return ()
    stem = asked[: match.start()] + " ".join(first.split()[:-_ITEM_WORDS])
    items = [" ".join(first.split()[-_ITEM_WORDS:]), *(part.strip() for part in others)]
    return tuple(f"{stem} {item}?".strip() for item in items) if stem.strip() else ()


def _compared(asked: str, language: Language) -> Iterator[tuple[str, str]]:
    # "Who directed Kramer vs. Kramer?" asks about one thing.
    patterns = _COMPARISONS if _BEGINS_ASKING.match(asked) else (*_COMPARISONS, _VERSUS)
    for match in (pattern.fullmatch(asked) for pattern in patterns):
        if match is not None:
            halves = (_trimmed(match["one"]), _trimmed(match["two"]))
            if all(telling_terms(half, language) and not points(half, language) for half in halves):
                yield halves


def _joined(asked: str, language: Language) -> Iterator[tuple[str, str]]:
    unaccented = language == "es" and asked.isascii() and re.match(_UNACCENTED, asked, re.IGNORECASE)
    asking = _UNACCENTED if unaccented else _ASKING[language]
    for match in re.finditer(rf"(?:\?\s*|{_AND[language]})(?=¿?\s*(?P<ask>{asking}))", asked, re.IGNORECASE):
        halves = (_trimmed(asked[: match.start()]), _trimmed(asked[match.end() :]))
        # "the people who live there and who speak it": the same clause goes on.
        goes_on = language == "en" and re.search(rf"\s{match['ask']}\s", halves[0], re.IGNORECASE)
        if not goes_on and all(_asks_by_itself(half, language) for half in halves):
            yield halves


def _asks_by_itself(half: str, language: Language) -> bool:
    if _ONLY_NAMES[language].fullmatch(half) or points(half, language):
        return False
    return not has_hardly_a_word(half, language)


def _trimmed(half: str) -> str:
    return half.strip(" ,;:¿?")
