"""Words as the search sees them: folded, without stop words, stemmed for their language."""

import re
import unicodedata
from functools import cache

import Stemmer

from agent.schemas import Language
from agent.text.dates import dates_in

# A word may hold what identifiers hold, so that API_KEYS, top_k, v1/ask or 0.5 stay findable whole.
_WORD = re.compile(r"\w+(?:[./:-]\w+)*", re.UNICODE)
_PART = re.compile(r"[^\W_]+", re.UNICODE)
_SNOWBALL: dict[Language, str] = {"en": "english", "es": "spanish"}

_STOP_WORDS_EN = """
a about an and are as at be by can could did do does for from had has have how i if in into is it its me my of on or our
should so than that the their them then there these they this those to was we were what when where which who whom whose
why will with would you your
"""
_STOP_WORDS_ES = """
a al algo ante aquel aquella como con cual cuales cuando de del desde donde e el ella ellas ellos en entre era eres es
esa ese eso esta estan estas este esto estos fue ha han hay la las le les lo los mas me mi mis muy ni no nos o para pero
por porque que quien quienes se ser si sin sobre son su sus tambien te tiene tu tus un una uno unos unas y ya yo
"""
STOP_WORDS: dict[Language, frozenset[str]] = {
    "en": frozenset(_STOP_WORDS_EN.split()),
    "es": frozenset(_STOP_WORDS_ES.split()),
}


@cache
def _stemmer(language: Language) -> Stemmer.Stemmer:
    return Stemmer.Stemmer(_SNOWBALL[language])


def fold(text: str) -> str:
    """Lower case without accents: "Índice" -> "indice". Spanish ñ becomes n, as people type it on foreign keyboards."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def words(text: str) -> list[str]:
    """Folded words in order, identifiers both whole and in parts: "API_KEYS" -> api_keys, api, keys."""
    found: list[str] = []
    for match in _WORD.finditer(fold(text)):
        whole = match.group()
        parts = _PART.findall(whole)
        found.append(whole)
        if parts != [whole]:
            found.extend(parts)
    return found


def terms(text: str, language: Language) -> list[str]:
    """What BM25 counts: `words` without the language's stop words, stemmed by Snowball; and dates in one notation."""
    kept = [word for word in words(text) if word not in STOP_WORDS[language]]
    kept += [day for day in dates_in(text) if day not in kept]
    stemmed: list[str] = _stemmer(language).stemWords(kept)
    return stemmed
