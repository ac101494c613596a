"""SQuAD's answer scores: normalisation, exact match and F1, for English and Spanish.

After the official evaluation script of SQuAD 2.0 (Rajpurkar, Jia and Liang 2018, "Know What You Don't Know",
arXiv:1806.03822; `evaluate-v2.0.py` at https://rajpurkar.github.io/SQuAD-explorer/). The articles of Spanish are those
of MLQA's script (Lewis et al. 2020, arXiv:1910.07475), which drops all of Unicode's punctuation; here it is ¿ ¡ « ».
"""

import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence

from agent.schemas import Language

_PUNCTUATION: dict[Language, frozenset[str]] = {
    "en": frozenset(string.punctuation),
    "es": frozenset(string.punctuation + "¿¡«»"),
}
_ARTICLES: dict[Language, re.Pattern[str]] = {
    "en": re.compile(r"\b(a|an|the)\b", re.UNICODE),
    "es": re.compile(r"\b(el|la|los|las|un|una|unos|unas)\b", re.UNICODE),
}
_NOT_IN_A_WORD = re.compile(r"[\W_]+")


def normalise(text: str, language: Language) -> str:
    """Lower case, without punctuation and articles, words apart by one space: the script's `normalize_answer`."""
    bare = "".join(char for char in text.lower() if char not in _PUNCTUATION[language])
    return " ".join(_ARTICLES[language].sub(" ", bare).split())


def exact_match(prediction: str, golds: Iterable[str], language: Language) -> float:
    """1 when the prediction equals a gold answer after normalisation, else 0.

    Without gold answers the question has none, and only an empty prediction is right.
    """
    predicted = normalise(prediction, language)
    return max(float(predicted == gold) for gold in _normalised(golds, language))


def f1(prediction: str, golds: Iterable[str], language: Language) -> float:
    """Harmonic mean of the precision and recall of the words, for the gold answer where it is highest.

    Without gold answers the question has none, and only an empty prediction is right.
    """
    predicted = normalise(prediction, language).split()
    return max(_word_f1(predicted, gold.split()) for gold in _normalised(golds, language))


def contains_gold(sentence: str, golds: Iterable[str], language: Language) -> bool:
    """The sentence holds the words of a gold answer, one after the other.

    Words are compared as the official script makes them, and also parted at every sign: the script joins what a hyphen
    or an apostrophe parts ("Harold's" is harolds), and two in a hundred English answers would not be found in the very
    sentence they were taken from.
    """
    for gold in golds:
        if _is_within(normalise(gold, language).split(), normalise(sentence, language).split()):
            return True
        if _is_within(_apart(gold, language), _apart(sentence, language)):
            return True
    return False


def _normalised(golds: Iterable[str], language: Language) -> list[str]:
    """The gold answers that are not empty once normalised; the empty one alone when there is none."""
    return [normal for gold in golds if (normal := normalise(gold, language))] or [""]


def _word_f1(predicted: list[str], gold: list[str]) -> float:
    if not predicted or not gold:
        return float(predicted == gold)
    shared = (Counter(predicted) & Counter(gold)).total()
    if shared == 0:
        return 0.0
    precision, recall = shared / len(predicted), shared / len(gold)
    return 2 * precision * recall / (precision + recall)


def _apart(text: str, language: Language) -> list[str]:
    return _ARTICLES[language].sub(" ", _NOT_IN_A_WORD.sub(" ", text.lower())).split()


def _is_within(part: Sequence[str], whole: Sequence[str]) -> bool:
    if not part:
        return False
    return any(part == whole[start : start + len(part)] for start in range(len(whole) - len(part) + 1))
