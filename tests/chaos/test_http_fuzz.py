"""Requests of any shape, made from our own OpenAPI description (schemathesis)."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.conftest import Figures
from tests.chaos.server import KEY, server

pytestmark = pytest.mark.timeout(3600)

CHECKS = (
    "not_a_server_error", "response_schema_conformance", "status_code_conformance", "content_type_conformance",
    "negative_data_rejection", "unsupported_method", "ignored_auth",
)  # fmt: skip


@pytest.mark.parametrize("count", [50, pytest.param(10_000, marks=pytest.mark.chaos)])
def test_nothing_that_is_asked_breaks_server_or_description(count: int, tmp_path: Path, figure: Figures) -> None:
    """No error that is not planned, and every response is as the description says."""
    with server(words=5, seconds=0, capacity=8, auth_failures_per_minute=0, log_format="json") as serving:
        command = [
            str(Path(sys.executable).parent / "st"), "--config-file", str(Path(__file__).parent / "schemathesis.toml"),
            "--no-color", "run", f"{serving.url}/openapi.json", "-H", f"X-API-KEY: {KEY}", "--seed", "1",
            "--max-examples", str(count), "--phases", "examples,coverage,fuzzing", "--checks", ",".join(CHECKS),
            "--generation-database", "none",
        ]  # fmt: skip
        finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert 0 == finished.returncode, finished.stdout[-5000:] + finished.stderr[-500:]
    cases = re.search(r"Test cases:\s+(.+)", finished.stdout)
    assert cases is not None
    figure(f"fuzz over HTTP, {count} examples", cases[1])
