"""The result of an evaluation: what was asked, on what machine, and every number. Any section may be missing."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import TypeAdapter

from agent.schemas import Language
from evaluation.dataset import Dataset
from evaluation.environment import Environment
from evaluation.metrics import (
    Reliability,
    auroc,
    bootstrap_interval,
    mean,
    mean_reciprocal_rank,
    ndcg_at,
    percentiles,
    recall_at,
    rejected_at,
    roc,
)

CURVE_RANKS = 20
_ROC_POINTS = 200
_HISTOGRAM_BARS = 30

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class DatasetSection:
    """What was asked. `question_language` differs from `language` when one language searches another."""

    name: str
    language: Language
    question_language: Language
    passages: int
    questions: int
    answerable: int

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """The section for a dataset."""
        asked = dataset.questions
        return cls(
            name=dataset.name,
            language=dataset.language,
            question_language=asked[0].language if asked else dataset.language,
            passages=len(dataset.passages),
            questions=len(asked),
            answerable=sum(question.answerable for question in asked),
        )


@dataclass(frozen=True, slots=True)
class RetrievalScores:
    """One retrieval system. `curve[k - 1]` is recall at k."""

    r1: float | None
    r5: float | None
    ndcg10: float | None
    mrr: float | None
    n: int
    curve: tuple[float, ...] = ()

    @classmethod
    def of(cls, ranks: Sequence[int | None]) -> Self:
        """The scores of the ranks of the gold passage, one for each question."""
        curve = [recall_at(ranks, k) for k in range(1, CURVE_RANKS + 1)]
        return cls(
            r1=recall_at(ranks, 1),
            r5=recall_at(ranks, 5),
            ndcg10=ndcg_at(ranks, 10),
            mrr=mean_reciprocal_rank(ranks),
            n=len(ranks),
            curve=tuple(value for value in curve if value is not None),
        )


@dataclass(frozen=True, slots=True)
class AnswerScores:
    """One way of answering. `intervals` are those of the named means, at 95 %."""

    em: float | None
    f1: float | None
    contains_gold: float | None
    answered_share: float | None
    n: int
    intervals: Mapping[str, Interval] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        em: Sequence[float],
        f1: Sequence[float],
        contains_gold: Sequence[float],
        answered: Sequence[bool],
        seed: int = 0,
    ) -> Self:
        """The means over the questions and their bootstrap intervals."""
        values: dict[str, Sequence[float]] = {
            "em": em,
            "f1": f1,
            "contains_gold": contains_gold,
            "answered_share": [float(one) for one in answered],
        }
        found = {name: bootstrap_interval(each, seed) for name, each in values.items()}
        return cls(
            **{name: mean(each) for name, each in values.items()},
            n=len(answered),
            intervals={name: interval for name, interval in found.items() if interval is not None},
        )


@dataclass(frozen=True, slots=True)
class CitationScores:
    """Quotes that are in their source byte for byte, and the share of answers that quote a gold passage."""

    quotes: int
    valid: int
    valid_share: float | None
    gold_recall: float | None

    @classmethod
    def of(cls, valid: Sequence[bool], cites_gold: Sequence[bool]) -> Self:
        """`valid` of every quote; `cites_gold` of every answered question that has an answer."""
        return cls(
            quotes=len(valid),
            valid=sum(valid),
            valid_share=mean([float(one) for one in valid]),
            gold_recall=mean([float(one) for one in cites_gold]),
        )


@dataclass(frozen=True, slots=True)
class Separation:
    """How well a score parts questions that the corpus answers (positives) from others (negatives).

    `threshold` keeps 95 % of the positives and rejects the share `rejected_at_95` of the negatives.
    """

    auroc: float | None
    rejected_at_95: float | None
    threshold: float | None
    n_pos: int
    n_neg: int
    roc: tuple[tuple[float, float], ...] = ()

    @classmethod
    def of(cls, positives: Sequence[float], negatives: Sequence[float]) -> Self:
        """The separation of the two lists of scores."""
        rejection, curve = rejected_at(positives, negatives), roc(positives, negatives)
        step = max(len(curve) // _ROC_POINTS, 1)
        return cls(
            auroc=auroc(positives, negatives),
            rejected_at_95=rejection.share if rejection else None,
            threshold=rejection.threshold if rejection else None,
            n_pos=len(positives),
            n_neg=len(negatives),
            roc=(*curve[:-1:step], *curve[-1:]),
        )


@dataclass(frozen=True, slots=True)
class ProductThreshold:
    """What the product itself decides: the share of answerable questions answered, and of others rejected."""

    answer_rate: float | None
    out_of_corpus_rejection: float | None
    unanswerable_rejection: float | None


@dataclass(frozen=True, slots=True)
class Abstention:
    """Questions about passages that are not in the corpus, and those that their passage does not quite answer.

    `precision` is `precision_by_coverage` of the answers to the answerable questions, and `precision_of_all` that of
    all answers to what the file asks; they end at the product's own threshold.
    """

    out_of_corpus: Separation | None = None
    unanswerable: Separation | None = None
    product: ProductThreshold | None = None
    precision: tuple[tuple[float, float], ...] = ()
    precision_of_all: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class LatencyScores:
    """Milliseconds of one step. `counts[i]` requests took from `edges[i]` to `edges[i + 1]`."""

    p50: float
    p95: float
    p99: float
    n: int
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()

    @property
    def is_wide(self) -> bool:
        """The histogram's bars have equal ratios instead of equal widths."""
        return bool(self.edges) and _is_wide(self.edges[0], self.edges[-1])

    @classmethod
    def of(cls, ms: Sequence[float]) -> Self | None:
        """The percentiles and the histogram; None when nothing was timed."""
        found = percentiles(ms)
        if found is None:
            return None
        low, high = min(ms), max(ms)
        # A cold start of seconds beside answers of milliseconds would leave one bar.
        bars = min(max(2 * math.isqrt(len(ms)), 5), _HISTOGRAM_BARS)
        bins = np.geomspace(low, high, bars + 1) if _is_wide(low, high) else bars
        counts, edges = np.histogram(ms, bins=bins)
        return cls(found.p50, found.p95, found.p99, len(ms), tuple(edges.tolist()), tuple(counts.tolist()))


def _is_wide(low: float, high: float) -> bool:
    return 0 < 20 * low < high


@dataclass(frozen=True, slots=True)
class Report:
    """Everything. `retrieval` is by system, `answers` by mode, `latency` by step."""

    dataset: DatasetSection | None = None
    environment: Environment | None = None
    retrieval: Mapping[str, RetrievalScores] = field(default_factory=dict)
    answers: Mapping[str, AnswerScores] = field(default_factory=dict)
    citations: CitationScores | None = None
    abstention: Abstention | None = None
    calibration: Reliability | None = None
    latency: Mapping[str, LatencyScores] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return asdict(self)

    def write_json(self, path: Path) -> None:
        """Write `report.json`."""
        content = json.dumps(self.as_json(), indent=2, ensure_ascii=False, allow_nan=False)
        path.write_text(content + "\n", encoding="utf-8")

    @classmethod
    def read_json(cls, path: Path) -> Self:
        """What `write_json` wrote.

        Raises:
            ValidationError: it is no report.
        """
        return TypeAdapter(cls).validate_json(path.read_bytes())
