"""Every metric against its definition, written out."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.metrics import (
    Bin,
    Given,
    Percentiles,
    Rejection,
    Reliability,
    auroc,
    bootstrap_interval,
    bootstrap_ratio_interval,
    mean,
    mean_reciprocal_rank,
    ndcg_at,
    percentiles,
    precision_by_coverage,
    recall_at,
    rejected_at,
    reliability,
    roc,
)

RANKS = st.lists(st.none() | st.integers(1, 30), min_size=1, max_size=30)
# Few distinct values, so that ties are common.
SCORES = st.lists(st.sampled_from((-1.5, 0.0, 0.1, 0.2, 0.5, 2.0)) | st.floats(-3, 3), min_size=1, max_size=30)
ANSWERS = st.lists(st.tuples(st.sampled_from((0.0, 0.1, 0.3, 0.7, 1.0)) | st.floats(0, 1), st.booleans()), min_size=1)


def test_nothing_measured_is_none() -> None:
    """Never NaN, never an exception."""
    assert [None] * 9 == [
        recall_at([], 5),
        ndcg_at([], 10),
        mean_reciprocal_rank([]),
        auroc([], [1.0]),
        rejected_at([1.0], []),
        bootstrap_interval([], 0),
        reliability([], []),
        percentiles([]),
        mean([]),
    ]
    assert ((), ()) == (roc([1.0], []), precision_by_coverage([], 3))


def test_a_number_that_is_none_is_refused() -> None:
    """NaN goes in nowhere, so it comes out nowhere."""
    with pytest.raises(ValueError, match="not a finite number"):
        auroc([math.nan], [0.0])


def test_known_values() -> None:
    """Ranks 1, 2, none: the textbook's numbers."""
    ranks = [1, 2, None]
    assert (1 / 3, 2 / 3, 0.5) == (recall_at(ranks, 1), recall_at(ranks, 2), mean_reciprocal_rank(ranks))
    assert (1 + 1 / math.log2(3)) / 3 == ndcg_at(ranks, 10)
    assert 1 / 3 == ndcg_at(ranks, 1)


@given(ranks=RANKS, k=st.integers(1, 20))
def test_ranking_metrics_are_ordered_and_ignore_order(ranks: list[int | None], k: int) -> None:
    """nDCG is at most recall, both grow with k, and the order of the questions does not matter."""
    recall, deeper = recall_at(ranks, k), recall_at(ranks, k + 1)
    ndcg, deeper_ndcg = ndcg_at(ranks, k), ndcg_at(ranks, k + 1)
    assert recall is not None
    assert deeper is not None
    assert ndcg is not None
    assert deeper_ndcg is not None
    assert 0 <= ndcg <= recall <= deeper <= 1
    assert ndcg <= deeper_ndcg
    assert len([rank for rank in ranks if rank in range(1, k + 1)]) / len(ranks) == pytest.approx(recall)
    assert (recall, ndcg) == (recall_at(ranks[::-1], k), ndcg_at(ranks[::-1], k))


@given(positives=SCORES, negatives=SCORES)
def test_auroc_is_the_share_of_pairs_won(positives: list[float], negatives: list[float]) -> None:
    """A tie is half a win; exchanging the lists gives the rest to one; the ROC curve encloses the same area."""
    won = sum((high > low) + (high == low) / 2 for high in positives for low in negatives)
    expected = won / (len(positives) * len(negatives))
    assert expected == pytest.approx(auroc(positives, negatives))
    assert 1 - expected == pytest.approx(auroc(negatives, positives))
    curve = roc(positives, negatives)
    assert ((0, 0), (1, 1)) == (curve[0], curve[-1])
    area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(curve))
    assert expected == pytest.approx(area)


@given(positives=SCORES, negatives=SCORES, rate=st.sampled_from((0.05, 0.5, 0.9, 0.95, 1.0)))
def test_the_threshold_is_the_highest_that_keeps_enough(
    positives: list[float], negatives: list[float], rate: float
) -> None:
    """Of all the positives' scores, tried one by one."""
    enough = [t for t in positives if sum(score >= t for score in positives) >= rate * len(positives) - 1e-9]
    found = rejected_at(positives, negatives, rate)
    expected = Rejection(
        share=sum(score < max(enough) for score in negatives) / len(negatives),
        threshold=max(enough),
        kept=sum(score >= max(enough) for score in positives) / len(positives),
    )
    assert expected == found


@pytest.mark.parametrize("rate", [0.0, 1.1])
def test_an_answer_rate_out_of_range_is_refused(rate: float) -> None:
    """A share is more than none and at most all."""
    with pytest.raises(ValueError, match="answer_rate"):
        rejected_at([1.0], [0.0], rate)


@given(values=SCORES, seed=st.integers(0, 2**32))
def test_an_interval_lies_within_the_values(values: list[float], seed: int) -> None:
    """The same seed gives the same interval, a lower level one inside it."""
    interval = bootstrap_interval(values, seed)
    assert interval is not None
    assert min(values) - 1e-12 <= interval[0] <= interval[1] <= max(values) + 1e-12
    assert interval == bootstrap_interval(values, seed)
    inner = bootstrap_interval(values, seed, level=0.5)
    assert inner is not None
    assert interval[0] <= inner[0] <= inner[1] <= interval[1]


def test_an_interval_is_that_of_the_normal_law() -> None:
    """For 400 throws of a fair coin the interval of the mean is 0.5 ± 1.96 · 0.5 / 20."""
    assert (0.451, 0.549) == pytest.approx(bootstrap_interval([0.0, 1.0] * 200, 3), abs=0.006)


@given(values=SCORES, seed=st.integers(0, 2**32))
def test_the_interval_of_a_mean_is_that_of_a_ratio_by_ones(values: list[float], seed: int) -> None:
    """Where each question adds one to the denominator."""
    found = bootstrap_ratio_interval([(value, 1.0) for value in values], seed)
    assert found == pytest.approx(bootstrap_interval(values, seed), abs=1e-9)


@given(parts=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)).map(sorted), max_size=20))
def test_the_interval_of_a_share_lies_between_none_and_all(parts: list[list[int]]) -> None:
    """Questions that have nothing to count are among those drawn; without any there is no interval."""
    found = bootstrap_ratio_interval([(few, many) for few, many in parts], 0)
    if not any(many for _, many in parts):
        assert found is None
    else:
        assert found is not None
        assert 0 <= found[0] <= found[1] <= 1


@given(answers=ANSWERS, bins=st.sampled_from((1, 3, 10)))
def test_reliability_is_what_its_definition_says(answers: list[tuple[float, bool]], bins: int) -> None:
    """Every answer is in one bin; the errors are sums over the bins and over the answers."""
    found = reliability([sure for sure, _ in answers], [right for _, right in answers], bins)
    assert found is not None
    gap = 0.0
    for index, one in enumerate(found.bins):
        within = [pair for pair in answers if one.lower <= pair[0] < one.upper or (index == bins - 1 and pair[0] == 1)]
        assert len(within) == one.count
        gap += abs(sum(sure for sure, _ in within) - sum(right for _, right in within))
        if within:
            assert sum(right for _, right in within) / len(within) == pytest.approx(one.accuracy)
            assert sum(sure for sure, _ in within) / len(within) == pytest.approx(one.confidence)
    assert gap / len(answers) == pytest.approx(found.ece)
    assert sum((sure - right) ** 2 for sure, right in answers) / len(answers) == pytest.approx(found.brier)


def test_an_empty_bin_has_no_means() -> None:
    """Two bins, one answer."""
    expected = Reliability((Bin(0.0, 0.5, 0, None, None), Bin(0.5, 1.0, 1, 0.75, 1.0)), 0.25, 0.0625)
    assert expected == reliability([0.75], [True], bins=2)


@pytest.mark.parametrize(("sure", "right"), [([0.5], []), ([1.5], [True]), ([-0.1], [True])])
def test_confidences_that_are_none_are_refused(sure: list[float], right: list[bool]) -> None:
    """One for each answer, between 0 and 1."""
    with pytest.raises(ValueError, match="confidence"):
        reliability(sure, right)


@given(ms=st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_percentiles_interpolate(ms: list[float]) -> None:
    """Between the two values on either side of the place (n - 1) p."""
    ordered = sorted(ms)

    def at(p: float) -> float:
        place = (len(ordered) - 1) * p
        low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
        return low + (high - low) * (place - math.floor(place))

    found = percentiles(ms)
    assert isinstance(found, Percentiles)
    assert (at(0.5), at(0.95), at(0.99)) == pytest.approx((found.p50, found.p95, found.p99))


def test_precision_falls_with_what_is_answered_beside() -> None:
    """Answers of one confidence are one point, and an answer to what has none is wrong and covers nothing."""
    sure = [Given(0.9, place < 20, True) for place in range(25)]
    unsure = [Given(0.1, False, False) for _ in range(5)]
    assert ((25 / 40, 20 / 25), (25 / 40, 20 / 30)) == precision_by_coverage([*unsure, *sure], 40)
    assert () == precision_by_coverage(unsure, 40)
