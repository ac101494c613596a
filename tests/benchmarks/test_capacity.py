"""The simulation against what queueing theory knows, and against what must be so."""

import statistics
from math import factorial

import pytest

from benchmarks.__main__ import main
from benchmarks.capacity.simulation import Load, WorkerSpeed, simulate
from local_server.platform.settings import PlatformSettings


def erlang_c_wait(arrivals: float, service_s: float, servers: int) -> float:
    """The mean wait in an M/M/c queue (Erlang, 1917)."""
    offered = arrivals * service_s
    queueing = offered**servers / factorial(servers) * servers / (servers - offered)
    waits = queueing / (sum(offered**count / factorial(count) for count in range(servers)) + queueing)
    return waits * service_s / (servers - offered)


@pytest.mark.parametrize(("servers", "per_minute"), [(1, 6), (2, 18), (4, 40)])
def test_waits_are_those_of_queueing_theory(servers: int, per_minute: float) -> None:
    """Where there is a formula: as many workers as servers, one job each, no cold start."""
    speed = WorkerSpeed(10, 10, at_once=1, before_s=0, cold_start_s=0)
    platform = PlatformSettings(min_workers=servers, max_workers=servers)
    found = [statistics.fmean(simulate(Load(per_minute, 50), speed, platform, 6, seed).waits_s) for seed in range(3)]
    expected = erlang_c_wait(per_minute / 60, 5, servers)
    assert expected == pytest.approx(statistics.fmean(found), rel=0.2)


def test_the_first_question_waits_for_a_cold_start() -> None:
    """And with a worker that stays nobody does."""
    speed = WorkerSpeed(1000, 1000, at_once=4, before_s=0, cold_start_s=20)
    away = simulate(Load(0.5, 10), speed, PlatformSettings(max_workers=1, idle_timeout_s=5), 3, 0)
    there = simulate(Load(0.5, 10), speed, PlatformSettings(min_workers=1, max_workers=1), 3, 0)
    assert 20 <= max(away.waits_s) < 21
    assert away.cold_starts > 20
    assert (0, True) == (there.cold_starts, max(there.waits_s) < 0.1)
    assert away.worker_s < there.worker_s


def test_a_burst_is_met_by_more_workers() -> None:
    """As long as there may be more; waits are shorter for it."""
    speed = WorkerSpeed(40, 20, at_once=4, before_s=0.1, cold_start_s=10)
    load = Load(20, 60, burst=6)
    waits = [
        statistics.fmean(simulate(load, speed, PlatformSettings(min_workers=1, max_workers=most), 2, 0).waits_s)
        for most in (1, 2, 6)
    ]
    assert waits[0] > waits[1] > waits[2]


def test_an_answer_is_no_faster_than_one_alone() -> None:
    """However idle the worker is; and several share what there is."""
    speed = WorkerSpeed(100, 10, at_once=50, before_s=0.5, cold_start_s=0)
    seldom = simulate(Load(2, 50), speed, PlatformSettings(min_workers=1, max_workers=1), 4, 0)
    assert 5.5 == pytest.approx(statistics.fmean(seldom.totals_s), rel=0.2)
    often = simulate(Load(100, 50), speed, PlatformSettings(min_workers=1, max_workers=1), 2, 0)
    assert statistics.fmean(often.totals_s) > statistics.fmean(seldom.totals_s)


def test_the_command_prints_a_row_for_each_number_of_workers(capsys: pytest.CaptureFixture[str]) -> None:
    """With the price; too few workers are told as such."""
    words = ["--per-minute", "30", "--tokens-per-s", "25", "--price", "2", "--hours", "1", "--workers", "1", "3"]
    assert 0 == main(["capacity", *words])
    lines = capsys.readouterr().out.splitlines()
    assert "1.20 workers' work" in lines[0]
    rows = [line.split("|")[1].strip() for line in lines if line.startswith(("| 0", "| 1", "| 3"))]
    assert ["0 to 1", "1 to 1", "0 to 3", "3 to 3"] == rows
    assert "too few" in lines[4]
