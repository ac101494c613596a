"""What a question points at outside of itself: pronouns, ellipses, and how much it says on its own."""

import re

from agent.schemas import Language
from agent.text.words import terms

_FEW_WORDS = 6

# Unfolded: "él" is a pronoun and "el" an article.
_PRONOUNS: dict[Language, frozenset[str]] = {
    "en": frozenset("it its he him his she her hers they them their theirs these those".split()),
    "es": frozenset("él ella ello ellos ellas lo le les su sus suyo suya esto eso aquello ahí allí".split()),
}
# Pronouns in a short question; in a long one more often a conjunction or the place of something that is named.
_POINTERS: dict[Language, frozenset[str]] = {
    "en": frozenset("this that there one ones".split()),
    "es": frozenset("este esta estos estas ese esa esos esas aquel aquella".split()),
}
# These may stand for a name before them in the same question: "What did Newton publish in his book?"
_OF_A_NAME = frozenset("he him his she her hers they them their theirs its él ella ellos ellas le les su sus".split())
# "Is there a limit?", "lo que", "lo mejor": the words of a pronoun, and none.
_NO_PRONOUN = re.compile(
    r"\b(?:(?:is|are|was|were)\s+there\s+(?=\w)|there\s+(?:is|are|was|were)\b|"
    r"lo\s+(?=(?:que|m[aá]s|menos|mejor|peor)\b))",
    re.IGNORECASE,
)
# "cambiarlo", "configurarlas": a pronoun at the end of a verb.
_CLITIC = re.compile(r"\b\w{2,}[aeiáéí]r(?:[mts]e|nos)?l[aoe]s?\b", re.IGNORECASE)
_CIVILITY = r"(?:(?:ok|okay|thanks|thank you|great|yes|no|vale|gracias|perfecto|genial|bien|sí)\b\W*)*"
_ELLIPSIS: dict[Language, re.Pattern[str]] = {
    "en": re.compile(rf"\W*{_CIVILITY}(?:and|but|or|what about|how about)\b", re.IGNORECASE),
    "es": re.compile(rf"\W*{_CIVILITY}(?:y|e|o|pero|qu[eé] tal)\b", re.IGNORECASE),
}
_MORE = re.compile(
    r"(?:please )?(?:(?:tell|show) me more|more(?: details?)?|go on|continue|why not|(?:give me )?(?:for|an) example|"
    r"(?:(?:dime|cuéntame|dame) )?más(?: detalles)?|sigue|continúa|(?:dame |por )?(?:un )?ejemplo)"
    r"(?: please| por favor)?",
    re.IGNORECASE,
)
# Words that ask, and tell nothing about what.
_VAGUE: dict[Language, frozenset[str]] = {
    "en": frozenset(terms("many much more long often far old else mean happen he him his she her hers they", "en")),
    "es": frozenset(terms("cuánto cuánta cuántos cuántas mucho más tal significa pasa pasó suyo ello ahí allí", "es")),
}
# Complete with a single word of its own: "What is RAG?", "¿Qué es la fusión?"; not "What is the default?"
_DEFINITION: dict[Language, re.Pattern[str]] = {
    "en": re.compile(
        r"\W*(?:what|who|where)(?:['’]s|\s+(?:is|are|was|were))\s+(?:an?\s+)?(?!the\b)[\w-]++\W*+|"
        r"\W*what\s+does\s+[\w-]++\s+mean\W*",
        re.IGNORECASE,
    ),
    "es": re.compile(
        r"\W*(?:qu[eé]\s+(?:es|son|significa)\s+(?:(?:un|una|el|la|los|las)\s+)?|"
        r"(?:qui[eé]n|d[oó]nde)\s+(?:es|fue|era|est[aá])\s+(?:(?:la|le)\s+)?)[\w-]++\W*+",
        re.IGNORECASE,
    ),
}
_TOKEN = re.compile(r"\w+")


def leans_on_history(question: str, language: Language) -> bool:
    """Whether the question points at something said before: a pronoun, an ellipsis, or hardly a word of its own."""
    return bool(
        _ELLIPSIS[language].match(question)
        or _asks_for_more(question)
        or points(question, language)
        or (language == "es" and _CLITIC.search(question))
        or has_hardly_a_word(question, language)
    )


def says_nothing(question: str, language: Language) -> bool:
    """Whether there is nothing in it to search for: no word that tells, or one beside a pronoun that points nowhere."""
    telling = telling_terms(question, language)
    alone = len(telling) == 1 and _is_short(question)
    return not telling or _asks_for_more(question) or (alone and _has_one_of(_PRONOUNS[language], question))


def points(question: str, language: Language) -> bool:
    """Whether a pronoun in it stands for something that it does not name."""
    pointers = _POINTERS[language] if _is_short(question) else frozenset()
    return _has_one_of(_PRONOUNS[language] | pointers, question)


def has_hardly_a_word(question: str, language: Language) -> bool:
    """Whether it tells too little to be searched for alone, as "Why?" and "Which port?", and not as "What is RAG?"."""
    telling = telling_terms(question, language)
    few = len(telling) == 1 and _is_short(question)
    return not telling or (few and not _DEFINITION[language].fullmatch(question))


def telling_terms(question: str, language: Language) -> set[str]:
    """The terms that say what it is about."""
    return set(terms(question, language)) - _VAGUE[language]


def _has_one_of(pronouns: frozenset[str], question: str) -> bool:
    named = False
    for place, word in enumerate(_TOKEN.findall(_NO_PRONOUN.sub(" ", question))):
        # "Le Corbusier", "IT": a capital inside a sentence makes a name, unless all of it is in capitals.
        if place > 0 and word[0].isupper() and not question.isupper():
            named = named or word != "I"
        elif word.casefold() in pronouns and not (named and word.casefold() in _OF_A_NAME):
            return True
    return False


def _asks_for_more(question: str) -> bool:
    return _MORE.fullmatch(" ".join(_TOKEN.findall(question))) is not None


def _is_short(question: str) -> bool:
    return len(_TOKEN.findall(question)) < _FEW_WORDS
