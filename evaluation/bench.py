"""The product, set up to be asked: a store of the corpus, and the agents over it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from agent.engine.base import Engine
from agent.ingest.builder import ChunkSizes, build_store, cut
from agent.loading import Loaded, assemble
from agent.retrieval.embedder import Embedder
from agent.retrieval.reranker import Reranker
from agent.schemas import Answer, AskRequest, Mode
from agent.settings import Settings
from agent.store.documents import Document
from agent.store.store import Store
from evaluation.subject import Asked


def build(
    documents: Sequence[Document],
    folder: Path,
    embedder: Embedder,
    settings: Settings,
    embedded_before: Path | None = None,
) -> Path:
    """Make `folder` a store of `documents`. Vectors are taken from `embedded_before`, or from what it was."""
    sizes = ChunkSizes(settings.chunk_tokens, settings.chunk_overlap_tokens)
    previous = _open(embedded_before) or _open(folder)
    if previous is not None and previous.manifest.embedder_fingerprint != embedder.fingerprint:
        previous = None
    folder.mkdir(parents=True, exist_ok=True)
    try:
        build_store(folder, cut(documents, embedder, sizes), embedder, sizes, previous)
    finally:
        if previous is not None:
            previous.close()
    return folder


class Bench:
    """Asks the product, one question after the other, as a caller would."""

    def __init__(
        self, store: Path, engine: Engine, embedder: Embedder, settings: Settings, reranker: Reranker | None = None
    ) -> None:
        opened = Store(store)
        self.store = opened
        self.loaded: Loaded = assemble(
            engine, opened, embedder, settings.model_copy(update={"rag_store": store}), reranker
        )

    def ask(self, asked: Asked, mode: Mode) -> Answer:
        """The whole answer."""
        request = AskRequest(question=asked.text[:4000], mode=mode)
        return asyncio.run(self.loaded.agent.answer(request, "evaluation", lambda _event: None))

    def close(self) -> None:
        """Close the store; the engine is the caller's."""
        self.loaded.corpora.close()


def _open(folder: Path | None) -> Store | None:
    return Store(folder) if folder is not None and (folder / "manifest.json").exists() else None
