"""Which passage of one file is the translation of which passage of another.

For asking in one language and searching in another: the Spanish and English files hold the same articles in the same
order, but not the same paragraphs nor the same ids. No embedder is asked, because the embedder is what is evaluated.

Two texts are compared by what a translation keeps: numbers, and words that begin alike (names, and cognates such as
"history" and "historia"), each weighted by how few passages have it, times how well the lengths agree (Gale and Church
1993, "A Program for Aligning Sentences in Bilingual Corpora"). The pairs of an article are the best monotone sequence
by dynamic programming, in which leaving out a passage costs nothing and a pair must be worth more than `_SKIP`.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from agent.text.words import fold
from evaluation.dataset import Dataset, GoldPassage

# In dev.es and dev.en true pairs have a median of 0.3, neighbours nearly all less than 0.1; true articles exceed 0.3.
_SKIP = 0.10
_SAME_ARTICLE = 0.15
_PREFIX = 4
# Lengths that differ by this factor (e^0.4, after the files' own ratio) count six tenths of equal ones.
_LENGTH_SIGMA = 0.4

_NUMBER = re.compile(r"\d+(?:[.,]\d{3})*")
_ROMAN = re.compile(r"\b(?:XL|L?X{0,3})(?:IX|IV|V?I{0,3})\b")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50}
_WORD = re.compile(r"[^\W\d_]{4,}")


def align(questions: Dataset, passages: Dataset) -> dict[str, str]:
    """The id in `passages` of the translation of each passage of `questions`, where it is clear.

    Articles are paired in order when there are equally many, else by what they share. A passage without a confident
    translation is missing from the answer.
    """
    ours, theirs = _by_article(questions), _by_article(passages)
    texts = [_Text.of([passage]) for article in (*ours, *theirs) for passage in article]
    weights = _weights(texts)
    aligned: dict[str, str] = {}
    for article, other in _paired_articles(ours, theirs):
        scores = _scores([_Text.of([p]) for p in article], [_Text.of([p]) for p in other], weights, _LENGTH_SIGMA)
        aligned |= {article[row].id: other[column].id for row, column in _best_sequence(scores)}
    return aligned


@dataclass(frozen=True, slots=True)
class _Text:
    """What of a text survives translation, and its length in characters."""

    keys: frozenset[str]
    length: int

    @classmethod
    def of(cls, passages: Sequence[GoldPassage]) -> "_Text":
        text = "\n".join(passage.text for passage in passages)
        return cls(frozenset(_keys(text)), len(text))


def _keys(text: str) -> set[str]:
    numbers = {re.sub(r"[.,]", "", found) for found in _NUMBER.findall(text)}
    # "siglo XI" is "the 11th century"; I alone is a pronoun.
    romans = {str(_roman(found)) for found in _ROMAN.findall(text) if found not in ("", "I")}
    return numbers | romans | {fold(word)[:_PREFIX] for word in _WORD.findall(text)}


def _roman(numeral: str) -> int:
    values = [_ROMAN_VALUES[letter] for letter in numeral]
    return sum(-value if value < after else value for value, after in zip(values, [*values[1:], 0], strict=True))


def _weights(texts: Sequence[_Text]) -> dict[str, float]:
    """Squared inverse document frequency of each key."""
    counts = Counter(key for text in texts for key in text.keys)
    return {key: math.log(1 + len(texts) / count) ** 2 for key, count in counts.items()}


def _scores(
    ours: Sequence[_Text], theirs: Sequence[_Text], weights: dict[str, float], length_sigma: float
) -> list[list[float]]:
    """Cosine of the weighted keys times the agreement of the lengths, one row for each of ours."""

    def norm(text: _Text) -> float:
        return math.sqrt(sum(weights[key] for key in text.keys)) or 1.0

    ratio = sum(text.length for text in ours) / max(sum(text.length for text in theirs), 1)
    norms = [norm(text) for text in theirs]

    def score(one: _Text, own_norm: float, other: _Text, other_norm: float) -> float:
        shared = sum(weights[key] for key in one.keys & other.keys)
        surprise = math.log(one.length / other.length / ratio) / length_sigma
        return shared / (own_norm * other_norm) * math.exp(-(surprise**2) / 2)

    return [[score(one, norm(one), *other) for other in zip(theirs, norms, strict=True)] for one in ours]


def _best_sequence(scores: list[list[float]]) -> list[tuple[int, int]]:
    """The pairs (row, column), both rising, with the largest sum of what each is worth beyond `_SKIP`."""
    rows, columns = len(scores), len(scores[0])
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]  # best[i][j]: of rows i.. and columns j..
    for i in reversed(range(rows)):
        for j in reversed(range(columns)):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], best[i + 1][j + 1] + scores[i][j] - _SKIP)
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < rows and j < columns:
        if best[i][j] == best[i + 1][j]:
            i += 1
        elif best[i][j] == best[i][j + 1]:
            j += 1
        else:
            pairs.append((i, j))
            i, j = i + 1, j + 1
    return pairs


def _by_article(dataset: Dataset) -> list[list[GoldPassage]]:
    articles: dict[str, list[GoldPassage]] = {}
    for passage in dataset.passages:
        articles.setdefault(passage.article, []).append(passage)
    return list(articles.values())


def _paired_articles(
    ours: list[list[GoldPassage]], theirs: list[list[GoldPassage]]
) -> list[tuple[list[GoldPassage], list[GoldPassage]]]:
    if len(ours) == len(theirs):
        return list(zip(ours, theirs, strict=True))
    rows, columns = [_Text.of(article) for article in ours], [_Text.of(article) for article in theirs]
    # Of an article half the paragraphs may be missing: its length says nothing.
    scores = _scores(rows, columns, _weights([*rows, *columns]), math.inf)
    ranked = sorted(((scores[i][j], i, j) for i in range(len(ours)) for j in range(len(theirs))), reverse=True)
    taken_rows: set[int] = set()
    taken_columns: set[int] = set()
    pairs = []
    for score, i, j in ranked:
        if score >= _SAME_ARTICLE and i not in taken_rows and j not in taken_columns:
            pairs.append((ours[i], theirs[j]))
            taken_rows.add(i)
            taken_columns.add(j)
    return pairs
