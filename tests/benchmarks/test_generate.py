"""What the contestant that answers one at a time tells of waiting."""

import time
from collections.abc import Sequence

import pytest

from benchmarks.engine.contestants.generate import OneAtATime
from benchmarks.engine.job import Job, Load, Timing

STEP_S = 0.02


class Slow(OneAtATime):
    """Takes its time for nothing."""

    def __init__(self) -> None:
        pass

    def _generate(self, jobs: Sequence[Job], came: float) -> list[Timing]:
        time.sleep(STEP_S)
        return [Timing(1, time.perf_counter() - came, time.perf_counter() - came) for _ in jobs]


def test_who_comes_when_another_is_done_waits_for_those_before_it() -> None:
    """Two under way: but for the first each waits for one other, whenever it came."""
    timings = Slow().run(Load("two", [Job([1], 1)] * 5, 2))
    assert STEP_S == pytest.approx(timings[0].total, rel=0.9)
    assert all(timing.total >= 2 * STEP_S for timing in timings[1:])
