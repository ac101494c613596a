"""Loads everything a question needs, and warms it up, so that the first question is as fast as the next."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from agent.corpus import LiveCorpus
from agent.engine.base import Engine, Sampling
from agent.engine.no_engine import NoEngine
from agent.errors import StoreMismatch
from agent.language_model import load_language_model
from agent.multi_agent import MultiAgent
from agent.retrieval.embedder import Embedder
from agent.retrieval.reranker import Reranker
from agent.retrieval.retriever import Retriever
from agent.settings import Settings
from agent.store.store import Store
from agent.telemetry.clock import ms_since
from agent.telemetry.tracing import span

Phase = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A service's working parts."""

    engine: Engine
    agent: MultiAgent
    corpora: LiveCorpus

    def describe(self) -> dict[str, Any]:
        """What `/health` says is loaded."""
        stats, manifest = self.engine.stats(), self.corpora.manifest
        return {
            "model": self.engine.model,
            "adapters": list(self.engine.adapters),
            "default_adapter": self.engine.default_adapter,
            "index": manifest.index_id,
            "documents": manifest.documents,
            "chunks": manifest.chunks,
            "embedder": manifest.embedder,
            "generations": {"running": stats.running, "waiting": stats.waiting, "capacity": stats.capacity},
        }

    def impairments(self) -> list[str]:
        """What is not as it should be, although questions are answered."""
        found = {"store_refused": self.corpora.refused, "memory_short": self.engine.stats().shrunk}
        return [name for name, is_so in found.items() if is_so]

    def close(self) -> None:
        """Free the models and close the files."""
        self.engine.close()
        self.corpora.close()


def load(settings: Settings, phase: Phase) -> Loaded:
    """Load the real models and the store. `phase` is told each part's name and milliseconds.

    Raises:
        LoadError: what is missing or does not fit; nothing stays loaded.
    """
    # The store first: when it is missing or altered, that is known before torch is imported.
    with _timed("store", phase):
        store = Store(settings.rag_store)
    with _timed("imports", phase):
        import agent.engine.transformers_engine  # noqa: F401
        from agent.retrieval.loading import load_embedder, load_reranker
    with _timed("model", phase):
        # Before anything else computes: its thread is to be the only one that does so with all of torch's threads.
        engine = load_language_model(settings)
    try:
        with _timed("embedder", phase):
            embedder = load_embedder(settings)
            if embedder.fingerprint != store.manifest.embedder_fingerprint:
                raise StoreMismatch("The store was built with another embedding model; build it again.")
            reranker = load_reranker(settings)
        with _timed("agents", phase):
            loaded = assemble(engine, store, embedder, settings, reranker)
        with _timed("warm_up", phase):
            asyncio.run(_warm_up(loaded, embedder))
    except BaseException:
        # It is tried again: an engine that stayed would hold its memory, and its thread, for ever.
        engine.close()
        raise
    return loaded


def assemble(
    engine: Engine, store: Store, embedder: Embedder, settings: Settings, reranker: Reranker | None = None
) -> Loaded:
    """The agents around an engine, the store in `settings.rag_store`, open, and its embedder."""

    def make_retriever(opened: Store) -> Retriever:
        return Retriever(opened, settings.dense_weight, reranker)

    corpora = LiveCorpus(store, settings.rag_store, make_retriever, embedder.fingerprint)
    return Loaded(engine, MultiAgent(engine, corpora, embedder, settings), corpora)


async def _warm_up(loaded: Loaded, embedder: Embedder) -> None:
    """The first forward pass of each model is slow; let it not be a caller's."""
    embedder.embed_questions(["warm up"])
    if isinstance(loaded.engine, NoEngine):
        return
    prompt = loaded.engine.encode_chat([{"role": "user", "content": "Hello"}])
    for adapter in dict.fromkeys((None, loaded.engine.default_adapter)):
        async for _delta in loaded.engine.generate(prompt, Sampling(max_tokens=2), adapter):
            pass


@contextmanager
def _timed(name: str, phase: Phase) -> Iterator[None]:
    started = time.monotonic()
    with span(name):
        yield
    phase(name, ms_since(started))
