"""python -m agent.ingest, as a person runs it."""

import subprocess
import sys
from pathlib import Path

from agent.settings import EMBEDDED_EMBEDDER, Settings
from agent.store.store import Store
from tests.conftest import ROOT, environment
from tests.fakes.loading import DOCUMENTS, write_documents


def ingest(*arguments: object, **settings: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "agent.ingest", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment(**settings), capture_output=True, text=True, check=False)


def test_a_folder_becomes_a_store(real_models: Path, tmp_path: Path) -> None:
    """Exit status 0, and the store opens and knows its documents and its embedder."""
    docs = write_documents(tmp_path / "docs", DOCUMENTS)
    finished = ingest(docs, "--store", tmp_path / "store")
    assert 0 == finished.returncode, finished.stderr
    assert "3 documents" in finished.stderr
    manifest = Store(tmp_path / "store").manifest
    assert (sorted(DOCUMENTS), Path(EMBEDDED_EMBEDDER).name) == (sorted(manifest.sources), manifest.embedder)


def test_what_cannot_be_ingested_ends_with_status_2_and_one_line(tmp_path: Path) -> None:
    """A folder that is not there, an empty one, a model that is not there, a wrong setting."""
    full = write_documents(tmp_path / "docs", DOCUMENTS)
    (tmp_path / "empty").mkdir()
    attempts = {
        "There is no file": ingest(tmp_path / "none"),
        "Nothing to ingest": ingest(tmp_path / "empty"),
        "model_not_found": ingest(full, embedding_model="models/typo"),
        "CHUNK_TOKENS": ingest(full, chunk_tokens="many"),
    }
    for expected, finished in attempts.items():
        assert 2 == finished.returncode
        assert expected in finished.stderr
        assert "Traceback" not in finished.stderr


def test_a_store_of_another_embedder_is_refused(real_settings: Settings) -> None:
    """The service does not start to answer from vectors that mean nothing to its model."""
    code = "from agent.loading import load; from agent.settings import Settings; load(Settings(), lambda n, ms: None)"
    settings = {"base_model": real_settings.base_model, "rag_store": real_settings.rag_store}
    env = environment(**settings, embedding_model=ROOT / "models" / "all-MiniLM-L6-v2")
    finished = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert "StoreMismatch" in finished.stderr.splitlines()[-1]
