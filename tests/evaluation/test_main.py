"""python -m evaluation, as a person runs it, on the real embedder."""

import json
import subprocess
import sys
from pathlib import Path

from agent.answering.calibration import Calibration
from tests import forkserver
from tests.conftest import ROOT, environment
from tests.evaluation.test_run import squad


def evaluate(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "evaluation", *map(str, arguments)]
    return forkserver.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)


def test_a_report_is_written_and_shown(real_models: Path, tmp_path: Path) -> None:
    """Tables on standard output, and the report's files in the folder; then floors decide."""
    data, out = squad(tmp_path), tmp_path / "out"
    finished = evaluate("--data", data, "--report", out)
    assert 0 == finished.returncode, finished.stderr
    assert "nDCG" in finished.stdout
    assert {"report.json", "report.md", "report.png", "quality.png"} <= {path.name for path in out.iterdir()}
    figures = json.loads((out / "report.json").read_text())
    assert 1.0 == figures["retrieval"]["fused"]["r1"]
    floors = tmp_path / "floors.json"
    floors.write_text(json.dumps({"retrieval.fused.r1": 1.1}))
    missed = evaluate("--data", data, "--report", out, "--floors", floors)
    assert (1, True) == (missed.returncode, "retrieval.fused.r1 is 1.000, below 1.1" in missed.stderr)


def test_calibration_writes_weights_that_the_product_reads(real_models: Path, tmp_path: Path) -> None:
    """Weights for the embedder by its name, beside those of others, with what they were fitted on."""
    out = tmp_path / "weights.json"
    out.write_text(json.dumps({"other": {"weights": {}}}))
    finished = evaluate("calibrate", "--data", squad(tmp_path), "--out", out)
    assert 0 == finished.returncode, finished.stderr
    written = json.loads(out.read_text())
    assert {"other", "multilingual-e5-small"} == set(written)
    assert {"relevance", "confidence"} == set(Calibration(written["multilingual-e5-small"]["weights"]).weights)
    assert 7 == written["multilingual-e5-small"]["fitted"]["examples"]


def test_what_cannot_be_evaluated_ends_with_status_2_and_one_line(tmp_path: Path) -> None:
    """No such file, no dataset in it, and questions about a folder that is not named."""
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"data": 3}')
    attempts = {
        "none.json: No such file": evaluate("--data", tmp_path / "none.json", "--report", tmp_path),
        "data: is a number": evaluate("--data", wrong, "--report", tmp_path),
        "--corpus": evaluate("--data", "evaluation/demo.jsonl", "--report", tmp_path),
    }
    for expected, finished in attempts.items():
        assert 2 == finished.returncode
        assert expected in finished.stderr
        assert "Traceback" not in finished.stderr
