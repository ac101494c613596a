"""What is measured of an adapter, and what a set of answers comes to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from agent.schemas import Language
from evaluation.metrics import auroc, mean

_LEAST_CONFIDENCES = (0.1, 0.2, 0.3, 0.4)


class Row(TypedDict):
    """What came of one question.

    The model's own words (`picked`, `nothing`, `finds_nothing`, `f1`, `em`, `copied`, `grammar`, `tokens`) and the
    product's answer in mode auto (`answered`, `right`, `quotes`, `valid`, `confidence`); `f1_gold` and `em_gold` are of
    the gold paragraph alone. `retrieval` is how sure retrieval is of its best sentence; `ranked_right` whether that one
    has a gold answer, `picked_right` whether the picked one has (where none was picked, the best), `agrees` whether
    they are the same.
    """

    language: Language
    answerable: bool
    picked: int | None
    nothing: float
    finds_nothing: bool
    certainty: float
    retrieval: float
    agrees: bool
    picked_right: bool
    ranked_right: bool
    f1: float
    em: float
    copied: bool
    tokens: int
    ms: float
    answered: bool
    right: bool
    quotes: int
    valid: int
    confidence: float
    grammar: bool
    f1_gold: float | None
    em_gold: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """The means over one file; shares from 0 to 1, None where there is nothing to count.

    Attributes:
        f1: words of the answer against the gold ones, answerable questions, retrieved sentences.
        em: the same, exact match.
        f1_gold: as `f1`, sentences of the gold paragraph alone.
        em_gold: as `em`, sentences of the gold paragraph alone.
        near_miss: AUROC of answerable against nearly answerable questions by the model's own judgement.
        confidence: the same by the product's confidence.
        grammar: generations that end with a number where they should.
        copied: wordings that are, word for word, a stretch of the sentence that was picked.
        said_nothing: answerable questions of which the model holds that nothing answers.
        picked: answerable questions where the sentence that the model picked has a gold answer.
        ranked: answerable questions where the best sentence by ranking has one.
        saw_through: nearly answerable ones of which it holds so.
        answered: answerable questions that the product answers.
        right: answerable questions to which the product's answer has a gold answer in it.
        refused: nearly answerable questions that the product abstains from.
        quotes_valid: quotes that are their source byte for byte.
        least_confidence: what a higher `MIN_CONFIDENCE` would make of `right` and `refused`.
        tokens: generated per question.
        ms: per generation.
    """

    questions: int
    f1: float | None
    em: float | None
    f1_gold: float | None
    em_gold: float | None
    near_miss: float | None
    confidence: float | None
    grammar: float | None
    copied: float | None
    said_nothing: float | None
    picked: float | None
    ranked: float | None
    saw_through: float | None
    answered: float | None
    right: float | None
    refused: float | None
    quotes_valid: float | None
    least_confidence: Mapping[str, tuple[float | None, float | None]]
    tokens: float | None
    ms: float | None

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Figures":
        """Over the rows of one file."""
        able = [row for row in rows if row["answerable"]]
        near = [row for row in rows if not row["answerable"]]
        worded = [row for row in able if row["picked"]]
        quotes = sum(row["quotes"] for row in rows)
        return cls(
            questions=len(rows),
            f1=mean([row["f1"] for row in able]),
            em=mean([row["em"] for row in able]),
            f1_gold=mean(_known(row["f1_gold"] for row in able)),
            em_gold=mean(_known(row["em_gold"] for row in able)),
            near_miss=auroc([1 - row["nothing"] for row in able], [1 - row["nothing"] for row in near]),
            confidence=auroc([row["confidence"] for row in able], [row["confidence"] for row in near]),
            grammar=mean([float(row["grammar"]) for row in rows]),
            copied=mean([float(row["copied"]) for row in worded]),
            said_nothing=mean([float(row["finds_nothing"]) for row in able]),
            picked=mean([float(row["picked_right"]) for row in able]),
            ranked=mean([float(row["ranked_right"]) for row in able]),
            saw_through=mean([float(row["finds_nothing"]) for row in near]),
            answered=mean([float(row["answered"]) for row in able]),
            right=mean([float(row["right"]) for row in able]),
            refused=mean([float(not row["answered"]) for row in near]),
            quotes_valid=sum(row["valid"] for row in rows) / quotes if quotes else None,
            least_confidence={str(least): _with_least(rows, least) for least in _LEAST_CONFIDENCES},
            tokens=mean([float(row["tokens"]) for row in rows]),
            ms=mean([row["ms"] for row in rows]),
        )


def _with_least(rows: Sequence[Row], least: float) -> tuple[float | None, float | None]:
    said = [row["answered"] and row["confidence"] >= least for row in rows]
    right = [float(row["right"] and kept) for row, kept in zip(rows, said, strict=True) if row["answerable"]]
    refused = [float(not kept) for row, kept in zip(rows, said, strict=True) if not row["answerable"]]
    return mean(right), mean(refused)


def _known(values: Iterable[float | bool | None]) -> list[float]:
    return [float(value) for value in values if value is not None]
