"""The cold start's report and its picture."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.cold_start.picture import draw, lanes
from benchmarks.cold_start.report import Report, Start, Step, middle
from benchmarks.measured import Measured
from tests.conftest import ROOT

OURS = Start(
    "askpod", "warm", 4.0, 5.0, "An answer.", {"store": 100.0},
    [
        Step("python", 0.0, 0.5), Step("store", 0.4, 0.6), Step("verify", 0.6, 1.0), Step("imports", 0.6, 2.0),
        Step("sdk", 0.5, 1.5), Step("adapters", 2.5, 2.9), Step("model", 2.0, 3.0), Step("embedder", 2.0, 3.2),
        Step("router", 3.2, 3.2), Step("warm_up", 3.3, 3.9), Step("ready", 3.9, 4.0), Step("answered", 4.0, 5.0),
    ],
)  # fmt: skip
NAIVE = Start("naive", "warm", 7.0, 8.0, "An answer.", {}, [Step("imports", 0.0, 7.0), Step("answered", 7.0, 8.0)])
REPORT = Report(Measured("a machine", "2026-11-27", "python -m benchmarks cold_start"), True, [OURS, NAIVE])


def test_the_main_thread_has_no_gap_and_no_overlap() -> None:
    """What it waits for is drawn as waiting, and what others do beside it has lanes of its own."""
    main, *beside = lanes(OURS)
    assert (5.0, ["hashes", "embedder", "serverless SDK"]) == (main.whole_s, [lane.name for lane in beside])
    names = ["python", "store", "imports", "model", "waits", "warm_up", "ready", "answered"]
    assert names == [step.name for step in main.steps]
    assert [0.0, *(step.end_s for step in main.steps[:-1])] == [step.start_s for step in main.steps]


def test_a_process_that_does_one_thing_after_the_other_has_one_lane() -> None:
    """As long as it took to answer."""
    (lane,) = lanes(NAIVE)
    assert (8.0, 8.0) == (lane.whole_s, lane.steps[-1].end_s)


def test_the_process_in_the_middle_is_shown() -> None:
    """A real one, whose parts add up."""
    starts = [replace(OURS, answered_s=seconds) for seconds in (9.0, 5.0, 7.0)]
    assert 7.0 == middle(replace(REPORT, starts=starts).of("askpod", "warm")).answered_s


def test_a_report_is_drawn_as_it_was_kept(tmp_path: Path) -> None:
    """With one page cache or two, and with one contestant that is far behind."""
    REPORT.write(tmp_path / "kept" / "cold-start.json")
    assert REPORT == Report.read(tmp_path / "kept" / "cold-start.json")
    far = Start(
        "vllm", "cold", 60.0, 64.0, "An answer.", {}, [Step("imports", 0.0, 20.0), Step("answered", 20.0, 64.0)]
    )
    both = replace(REPORT, starts=[*REPORT.starts, replace(OURS, cache="cold"), far])
    for name, report in {"one.png": REPORT, "two.png": both}.items():
        draw(report, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_both_ways_are_started_and_told_apart(real_models: Path, tmp_path: Path) -> None:
    """As a person runs it: a table, a report and a picture, and a worker tells what its threads do."""
    report, work = tmp_path / "cold-start.json", tmp_path / "work"
    words = ["--rounds", "1", "--cache", "warm", "--no-sdk", "--report", str(report), "--work", str(work)]
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks", "cold_start", *words]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert 0 == finished.returncode, finished.stderr
    assert "| warm | naive |" in finished.stdout
    assert report.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    ours, naive = Report.read(report).starts
    assert {"python", "store", "imports", "model", "embedder", "warm_up", "ready", "answered"} <= {
        s.name for s in ours.steps
    }
    assert ["imports", "model", "embedder", "store", "ready", "answered"] == [step.name for step in naive.steps]
