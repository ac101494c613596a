"""Policies, outcomes, scaling and rate limits: what is decided without a queue."""

from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_server.platform.errors import BadRequest, TooMany
from local_server.platform.outcome import NOTHING, Outcome, returned
from local_server.platform.policy import Policy
from local_server.platform.rates import LIMITS, Rates
from local_server.platform.scaler import Demand, wanted
from local_server.platform.settings import PlatformSettings


def test_a_policy_is_read_in_milliseconds() -> None:
    """What is not said is the endpoint's, or the platform's default."""
    body = {"policy": {"executionTimeout": 5000, "ttl": 10_000, "lowPriority": True}}
    assert Policy(5, 10, low_priority=True) == Policy.of(body, 600)
    for nothing in ({}, {"policy": {}}, {"policy": None}):
        assert Policy(77, 24 * 3600, low_priority=False) == Policy.of(nothing, 77)


@pytest.mark.parametrize(
    "policy",
    [
        [], "fast", {"executionTimeout": 4999}, {"executionTimeout": 7 * 24 * 3600 * 1000 + 1}, {"ttl": 9999},
        {"ttl": "10000"}, {"ttl": True}, {"lowPriority": 1}, {"executionTimeout": float("nan")},
    ],
)  # fmt: skip
def test_a_policy_out_of_its_ranges_is_refused(policy: Any) -> None:
    """With the field's name."""
    with pytest.raises(BadRequest, match="policy"):
        Policy.of({"policy": policy}, 600)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({"output": {"a": 1}}, Outcome({"a": 1})),
        ({"output": None}, Outcome(None)),
        ({}, Outcome(NOTHING)),
        ({"error": "no", "output": {"k": 1}}, Outcome({"k": 1}, "no")),
        # runpod-python issue 299: shown as completed, without output.
        ({"error": {"code": 1}, "output": {"k": 1}}, Outcome(NOTHING)),
        ({"status": "IN_PROGRESS", "output": 3}, Outcome(3, progress=True)),
        ({"output": 1, "stopPod": True}, Outcome(1, stop_worker=True)),
    ],
)
def test_what_a_worker_posts_is_read_as_the_platform_reads_it(body: dict[str, Any], outcome: Outcome) -> None:
    """An error that is no string is no failure."""
    assert outcome == Outcome.of(body)


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ({"a": 1}, Outcome({"a": 1})),
        ({}, Outcome(NOTHING)),
        (None, Outcome(None)),
        ([1], Outcome([1])),
        ({"error": "no"}, Outcome(NOTHING, "no")),
        ({"error": "no", "k": 1}, Outcome({"k": 1}, "no")),
        ({"error": "", "k": 1}, Outcome({"k": 1})),
    ],
)
def test_a_handler_in_this_process_is_read_as_the_sdk_reads_it(result: object, outcome: Outcome) -> None:
    """What it returned is not changed."""
    assert outcome == returned(result)


@pytest.mark.parametrize(
    ("demand", "count"),
    [
        # waiting, running, longest wait, workers, loading
        ((0, 0, 0.0, 0, 0), 0),
        ((1, 0, 0.0, 0, 0), 1),
        ((9, 0, 9.0, 0, 0), 1),
        ((9, 1, 3.9, 1, 0), 1),
        ((9, 1, 4.1, 1, 0), 2),
        ((9, 1, 60.0, 2, 1), 2),
        ((9, 3, 60.0, 3, 0), 3),
        ((0, 0, 0.0, 2, 0), 2),
    ],
)
def test_queue_delay_adds_a_worker_when_jobs_wait_too_long(demand: tuple[Any, ...], count: int) -> None:
    """One after the other, and never more than there may be."""
    assert count == wanted(Demand(*demand), PlatformSettings(max_workers=3))


@pytest.mark.parametrize(("demand", "count"), [((0, 0, 0.0, 0, 0), 1), ((3, 2, 0.0, 1, 0), 3), ((90, 0, 0.0, 1, 0), 4)])
def test_request_count_has_a_worker_for_every_so_many_jobs(demand: tuple[Any, ...], count: int) -> None:
    """Those that wait and those that run."""
    settings = PlatformSettings(min_workers=1, max_workers=4, scaler="request_count", scaler_value=2)
    assert count == wanted(Demand(*demand), settings)


@given(gaps=st.lists(st.floats(0, 4), min_size=1, max_size=200))
def test_no_window_of_ten_seconds_has_more_than_the_limit(gaps: list[float]) -> None:
    """And one that is refused does not count against the next."""
    now = [0.0]
    rates, passed = Rates(0.05, lambda: now[0]), []
    for gap in gaps:
        now[0] += gap
        try:
            with rates.counted("cancel"):
                passed.append(now[0])
        except TooMany:
            recent = [at for at in passed if now[0] - at < 10]
            assert len(recent) == LIMITS["cancel"][0] * 0.05
    assert all(sum(0 <= at - first < 10 for at in passed) <= 5 for first in passed)


def test_only_so_many_are_answered_at_once() -> None:
    """The place is free again when one is done, however it ends; without a factor there is no limit."""
    rates = Rates(0.01)
    with ExitStack() as open_requests:
        for _ in range(4):
            open_requests.enter_context(rates.counted("runsync"))
        with pytest.raises(TooMany):
            open_requests.enter_context(rates.counted("runsync"))
    with pytest.raises(ZeroDivisionError), rates.counted("runsync"):
        raise ZeroDivisionError
    with rates.counted("runsync"):
        pass
    free = Rates(0)
    for _ in range(5000):
        with free.counted("purge-queue"):
            pass
