"""A Loader for `Runtime` with a real store, a hashing embedder and a scripted engine: everything but the models."""

import atexit
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from agent.engine.base import Engine
from agent.engine.scripted import ScriptedEngine
from agent.ingest.builder import ChunkSizes
from agent.ingest.loaders import find_files
from agent.ingest.sync import sync
from agent.loading import Loaded, assemble
from agent.retrieval.hashing_embedder import HashingEmbedder
from agent.runtime import Loader
from agent.settings import Settings
from agent.store.store import Store

SIZES = ChunkSizes(tokens=64, overlap_tokens=8)
DOCUMENTS = {
    "server.md": "# The server\n\nThe HTTP server listens on port 8000 by default. The key goes in X-API-KEY.\n",
    "es/servidor.md": "# El servidor\n\nEl servidor HTTP escucha en el puerto 8000 por defecto.\n",
    "adapters.md": "# Adapters\n\nA LoRA adapter is a small set of weights. The first adapter is the default one.\n",
}


def write_documents(folder: Path, documents: dict[str, str]) -> Path:
    """Write `documents` (path: text) under `folder`."""
    for name, text in documents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def build_small_store(folder: Path, documents: dict[str, str] | None = None) -> Path:
    """A real store of small documents, under `folder`."""
    docs = write_documents(folder / "docs", documents or DOCUMENTS)
    sync(folder / "store", find_files([str(docs)]), HashingEmbedder(), SIZES)
    return folder / "store"


def scripted_loader(engine: Engine | None = None, documents: dict[str, str] | None = None) -> Loader:
    """Loads in milliseconds; the engine says what it was told to say."""

    def load(settings: Settings, phase: Callable[[str, float], None]) -> Loaded:
        home = Path(tempfile.mkdtemp(prefix="askpod-test-"))
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        folder = build_small_store(home, documents)
        phase("store", 0.0)
        settings = settings.model_copy(update={"rag_store": folder})
        return assemble(engine or ScriptedEngine(), Store(folder), HashingEmbedder(), settings)

    return load
