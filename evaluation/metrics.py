"""What is measured, each by its definition. Nothing measured is None, never NaN."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_RESAMPLES = 1000
_RESAMPLES_VALUES = 1_000_000  # drawn at once, 8 MB
# Which share of fewer answers is right says little.
_FEWEST_ANSWERS = 25


def recall_at(ranks: Sequence[int | None], k: int) -> float | None:
    """Share of questions whose one relevant passage is among the first `k`. A rank counts from 1; None is not found."""
    return mean([float(rank is not None and rank <= k) for rank in ranks])


def ndcg_at(ranks: Sequence[int | None], k: int) -> float | None:
    """Mean of 1 / log2(1 + rank) up to rank `k`, else 0.

    Normalised discounted cumulative gain (Järvelin and Kekäläinen 2002) with one relevant passage: the ideal gain is 1.
    """
    return mean([1 / math.log2(1 + rank) if rank is not None and rank <= k else 0.0 for rank in ranks])


def mean_reciprocal_rank(ranks: Sequence[int | None]) -> float | None:
    """Mean of 1 / rank, 0 where it was not found (Voorhees 1999)."""
    return mean([1 / rank if rank is not None else 0.0 for rank in ranks])


def auroc(positives: Sequence[float], negatives: Sequence[float]) -> float | None:
    """Chance that a positive scores higher than a negative; a tie is half a win (Mann and Whitney 1947)."""
    if not positives or not negatives:
        return None
    wins, ordered = _finite(positives), np.sort(_finite(negatives))
    below = np.searchsorted(ordered, wins, side="left")
    up_to = np.searchsorted(ordered, wins, side="right")
    return float((below + up_to).sum() / (2 * len(positives) * len(negatives)))


def roc(positives: Sequence[float], negatives: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """Receiver operating characteristic: (share of negatives, share of positives) scoring at least each threshold.

    From (0, 0) to (1, 1), by falling threshold (Fawcett 2006).
    """
    if not positives or not negatives:
        return ()
    high, low = np.sort(_finite(positives)), np.sort(_finite(negatives))
    thresholds = np.unique(np.concatenate([high, low]))[::-1]
    kept = 1 - np.searchsorted(high, thresholds, side="left") / len(high)
    passed = 1 - np.searchsorted(low, thresholds, side="left") / len(low)
    return ((0.0, 0.0), *((float(x), float(y)) for x, y in zip(passed, kept, strict=True)))


@dataclass(frozen=True, slots=True)
class Rejection:
    """Share of negatives that score below `threshold`, where the share `kept` of the positives does not."""

    share: float
    threshold: float
    kept: float


def rejected_at(positives: Sequence[float], negatives: Sequence[float], answer_rate: float = 0.95) -> Rejection | None:
    """How many negatives the highest threshold rejects that keeps `answer_rate` of the positives.

    A score equal to the threshold is kept.
    """
    if not 0 < answer_rate <= 1:
        raise ValueError(f"answer_rate must be in (0, 1], not {answer_rate}")
    if not positives or not negatives:
        return None
    high, low = np.sort(_finite(positives))[::-1], _finite(negatives)
    keep = math.ceil(answer_rate * len(high) - 1e-9)  # 0.07 * 100 is 7.000000000000001
    threshold = float(high[max(keep, 1) - 1])
    return Rejection(float(np.mean(low < threshold)), threshold, float(np.mean(high >= threshold)))


@dataclass(frozen=True, slots=True)
class Given:
    """An answer that was given: how sure it was, whether it is right, and whether its question has an answer at all."""

    confidence: float
    right: bool
    answerable: bool


def precision_by_coverage(given: Sequence[Given], answerable: int) -> tuple[tuple[float, float], ...]:
    """What is answered, and how much of it is right, if only answers of at least each confidence were given.

    (Share of the `answerable` questions that are answered, share of all answers that are right), by falling confidence;
    the last point is of all that were given (El-Yaniv and Wiener 2010). Points of fewer than 25 answers are left out.
    """
    if not given or answerable < 1:
        return ()
    sure = _finite([one.confidence for one in given])
    order = np.argsort(-sure, kind="stable")
    right = np.cumsum([given[place].right for place in order])
    covered = np.cumsum([given[place].answerable for place in order])
    # Answers of one confidence are given together.
    last = np.append(np.flatnonzero(np.diff(sure[order])), len(given) - 1)
    points = (
        (covered[place] / answerable, right[place] / (place + 1)) for place in last if place >= _FEWEST_ANSWERS - 1
    )
    return tuple((float(x), float(y)) for x, y in points)


def bootstrap_interval(values: Sequence[float], seed: int, level: float = 0.95) -> tuple[float, float] | None:
    """Percentile bootstrap interval of the mean, of 1,000 resamples (Efron and Tibshirani 1993, chapter 13)."""
    if not values:
        return None
    array = _finite(values)
    return _percentile_interval([array[rows].mean(axis=1) for rows in _resamples(len(array), seed)], level)


def bootstrap_ratio_interval(
    parts: Sequence[tuple[float, float]], seed: int, level: float = 0.95
) -> tuple[float, float] | None:
    """Percentile bootstrap interval of sum(numerators) / sum(denominators), of 1,000 resamples of the pairs.

    A pair holds what one question adds to both sums, as of a question with several citations. A resample whose
    denominators are all 0 is left out.
    """
    above, below = _finite([one for one, _ in parts]), _finite([one for _, one in parts])
    if not below.any():
        return None
    ratios = []
    for rows in _resamples(len(parts), seed):
        sums = below[rows].sum(axis=1)
        ratios.append(above[rows].sum(axis=1)[sums > 0] / sums[sums > 0])
    return _percentile_interval(ratios, level)


def _resamples(count: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Places drawn with replacement, in arrays of shape (resamples, count)."""
    random = np.random.default_rng(seed)
    rows = max(_RESAMPLES_VALUES // count, 1)
    for done in range(0, _RESAMPLES, rows):
        yield random.integers(0, count, (min(rows, _RESAMPLES - done), count))


def _percentile_interval(drawn: Sequence[Floats], level: float) -> tuple[float, float]:
    low, high = np.quantile(np.concatenate(drawn), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers whose confidence is in [lower, upper), the last bin with its end; the means are None when it is empty."""

    lower: float
    upper: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far a confidence is the chance of being right: 0 is perfect for both numbers."""

    bins: tuple[Bin, ...]
    ece: float
    brier: float


def reliability(confidences: Sequence[float], correct: Sequence[bool], bins: int = 10) -> Reliability | None:
    """Equal-width bins, their expected calibration error (Guo et al. 2017, arXiv:1706.04599) and Brier's score (1950).

    Raises:
        ValueError: a confidence is not between 0 and 1, or there are more of one than of the other.
    """
    if len(confidences) != len(correct):
        raise ValueError(f"{len(confidences)} confidences for {len(correct)} answers")
    if not confidences:
        return None
    sure, right = _finite(confidences), np.asarray(correct, dtype=np.float64)
    if sure.min() < 0 or sure.max() > 1:
        raise ValueError("a confidence must be between 0 and 1")
    edges = [index / bins for index in range(bins + 1)]
    places = np.searchsorted(edges[1:-1], sure, side="right")
    made = tuple(_bin(edges[i], edges[i + 1], sure[places == i], right[places == i]) for i in range(bins))
    ece = sum(abs(sure[places == i].sum() - right[places == i].sum()) for i in range(bins)) / len(sure)
    return Reliability(made, float(ece), float(np.mean((sure - right) ** 2)))


def _bin(lower: float, upper: float, sure: Floats, right: Floats) -> Bin:
    if not len(sure):
        return Bin(lower, upper, 0, None, None)
    return Bin(lower, upper, len(sure), float(sure.mean()), float(right.mean()))


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds that half, 95 % and 99 % of the requests stayed within."""

    p50: float
    p95: float
    p99: float


def percentiles(ms: Sequence[float]) -> Percentiles | None:
    """By linear interpolation between the two nearest (Hyndman and Fan 1996, definition 7)."""
    if not ms:
        return None
    p50, p95, p99 = np.percentile(_finite(ms), [50, 95, 99])
    return Percentiles(float(p50), float(p95), float(p99))


def mean(values: Sequence[float]) -> float | None:
    """The arithmetic mean."""
    return math.fsum(values) / len(values) if values else None


def _finite(values: Sequence[float]) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise ValueError("a value is not a finite number")
    return array
