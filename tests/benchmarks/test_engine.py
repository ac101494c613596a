"""python -m benchmarks engine, as a person runs it, on a model of a few thousand weights."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.training.small import save_small_base

CONTESTANTS = ("askpod", "askpod, no lookup", "generate", "generate, padded", "transformers CB")


@pytest.mark.slow
def test_every_contestant_does_every_load_that_it_can(real_models: Path, tmp_path: Path) -> None:
    """With as many tokens as were asked for; table and picture show it."""
    base = save_small_base(tmp_path / "small")
    command = [
        sys.executable, "-m", "benchmarks", "engine", "--model", str(base), "--dtype", "float32", "--device", "cpu",
        "--rounds", "1", "--work", str(tmp_path / "work"), "--picture", str(tmp_path / "engine.png"),
        "--loads", "one", "cold", "hit", "sixteen", "sixteen, one", "sixteen, four", "--only", *CONTESTANTS,
    ]  # fmt: skip
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert 0 == finished.returncode, finished.stderr + finished.stdout
    rounds = json.loads((tmp_path / "work" / "engine.json").read_text(encoding="utf-8"))
    assert {(name, "") for name in CONTESTANTS} == {(one["contestant"], one["failed"]) for one in rounds}
    tokens = {
        (one["contestant"], result["load"]): sum(timing["tokens"] for timing in result["timings"])
        for one in rounds for result in one["results"]
    }  # fmt: skip
    for name in CONTESTANTS:
        assert (160, 1024, 1024) == tuple(tokens[name, load] for load in ("one", "sixteen", "sixteen, one"))
    assert {name for name in CONTESTANTS if (name, "sixteen, four") in tokens} == {*CONTESTANTS} - {"transformers CB"}
    assert "| four adapters mixed: tokens/s |" in finished.stdout
    assert (tmp_path / "engine.png").read_bytes().startswith(b"\x89PNG")
