"""Each command as an executed process; most other tests run commands as forks, which have the libraries already."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, environment


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("agent.ask", "Which port?"), 1, "store_missing"),
        (("agent.doctor",), 1, "RAG_STORE"),
        (("agent.ingest", "nowhere"), 2, "There is no file or folder 'nowhere' that can be read."),
        (("evaluation", "--data", "nowhere.json", "--report", "out"), 2, "nowhere.json"),
        (("training", "build-data", "--qa", "nowhere.json", "--store", "none", "--out", "out"), 2, "nowhere.json"),
        (("training", "evaluate", "--adapter", "none", "--qa", "nowhere.json"), 2, "none"),
        (("local_server", "keys", "list"), 2, "KEYS_FILE"),
        (("local_server",), 2, "API_KEYS"),
        (("handler",), 1, "store_missing"),
    ],
)
def test_a_command_that_cannot_work_says_so_and_nothing_else(
    tmp_path: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    """Its exit status, its sentence, and no warning or traceback of an import."""
    env = environment(
        rag_store=tmp_path / "none", base_model="none", embedding_model=ROOT / "models/multilingual-e5-small"
    )
    (tmp_path / "test_input.json").write_text('{"input": {"question": "Which port?"}}', encoding="utf-8")
    finished = subprocess.run(
        [sys.executable, "-m", *words], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    output = finished.stdout + finished.stderr
    assert (status, True) == (finished.returncode, said in output), output
    assert [] == [line for line in output.splitlines() if "Warning" in line or "Traceback" in line]
