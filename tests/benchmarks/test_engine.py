"""python -m benchmarks engine, as a person runs it, on a model of a few thousand weights."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.engine.job import Timing
from benchmarks.engine.picture import draw
from benchmarks.engine.report import Report
from benchmarks.engine.run import Result, Round
from benchmarks.measured import Measured
from tests.conftest import ROOT
from tests.training.small import save_small_base

CONTESTANTS = ("askpod", "askpod, no lookup", "generate", "generate, padded", "transformers CB")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_contestant_does_every_load_that_it_can(real_models: Path, tmp_path: Path) -> None:
    """With as many tokens as were asked for; table and picture show it."""
    base = save_small_base(tmp_path / "small")
    command = [
        sys.executable, "-m", "benchmarks", "engine", "--model", str(base), "--dtype", "float32", "--device", "cpu",
        "--rounds", "1", "--work", str(tmp_path / "work"), "--only", *CONTESTANTS,
        "--loads", "one", "askers 1", "askers 4", "cold", "hit", "sixteen", "sixteen, one", "sixteen, four",
    ]  # fmt: skip
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert 0 == finished.returncode, finished.stderr + finished.stdout
    rounds = Report.read(tmp_path / "work" / "engine.json").rounds
    assert {(name, "") for name in CONTESTANTS} == {(one.contestant, one.failed) for one in rounds}
    tokens = {
        (one.contestant, result.load): sum(timing.tokens for timing in result.timings)
        for one in rounds for result in one.results
    }  # fmt: skip
    assert {4} == {sum(result.load == "askers 1" for result in one.results) for one in rounds} - {0}
    for name in CONTESTANTS:
        assert (160, 1024, 1024) == tuple(tokens[name, load] for load in ("one", "sixteen", "sixteen, one"))
    assert {name for name in CONTESTANTS if (name, "sixteen, four") in tokens} == {*CONTESTANTS} - {"transformers CB"}
    assert "| four adapters mixed: tokens/s |" in finished.stdout
    assert (tmp_path / "work" / "engine.png").read_bytes().startswith(b"\x89PNG")


def test_a_report_is_drawn_as_it_was_kept(tmp_path: Path) -> None:
    """What one contestant did not do is left out; where nothing was measured the picture says so."""
    timings = [Timing(40, 2.0, 0.5)]
    results = [
        Result("askers 1", 2.0, timings),
        Result("askers 16", 1.0, timings),
        Result("sixteen, four", 1.0, timings),
    ]
    rounds = [Round("askpod", 4.0, results), Round("vllm", 40.0, results[:1]), Round("generate", 4.0, [], "no")]
    report = Report(Measured("a machine", "2026-11-27", "python -m benchmarks engine"), "a model", rounds)
    report.write(tmp_path / "engine.json")
    assert report == Report.read(tmp_path / "engine.json")
    assert ["askpod", "vllm"] == report.contestants()
    for name, drawn in {"some.png": report, "none.png": replace(report, rounds=[])}.items():
        draw(drawn, tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
