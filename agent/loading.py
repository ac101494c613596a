"""Loads everything a question needs, and warms it up, so that the first question is as fast as the next."""

import asyncio
import contextvars
import gc
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from agent.answering.pipeline import MultiAgent
from agent.answering.router import Router
from agent.corpus import LiveCorpus
from agent.engine.base import Engine, Sampling
from agent.engine.no_engine import NoEngine
from agent.language_model import adapter_folders, load_language_model
from agent.load_errors import StoreMismatch
from agent.model_source import locate
from agent.read_ahead import ReadAhead
from agent.retrieval.embedder import Embedder
from agent.retrieval.loading import embedder_folder, embedder_in, load_reranker, reranker_folder
from agent.retrieval.model_files import fingerprint_of
from agent.retrieval.reranker import Reranker
from agent.retrieval.retriever import Retriever
from agent.settings import NO_MODEL, Settings
from agent.store.store import Store
from agent.telemetry.clock import Phase, ms_since
from agent.telemetry.tracing import span
from agent.text.language import detect_language

_A_QUESTION = "Which of the languages of the documents is this?"
P = ParamSpec("P")
T = TypeVar("T")


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


@dataclass(frozen=True, slots=True)
class _Searching:
    """What finds passages, but for the store."""

    embedder: Embedder
    reranker: Reranker | None
    router: Router


def load(settings: Settings, phase: Phase) -> Loaded:
    """Load the real models and the store. `phase` is told each part's name and milliseconds.

    The interpreter imports one thing after the other, and two threads that import at once can meet in the middle of a
    module; so this thread imports, while others read files and compute hashes, and then two threads load models.

    Raises:
        LoadError: what is missing or does not fit; nothing stays loaded.
    """
    # It is tried again: what stayed would hold its memory, and its thread, for ever.
    with ExitStack() as undone, _without_collections():
        # The store first: when it is missing or altered, that is known before torch is imported.
        with _timed("store", phase):
            store = Store(settings.rag_store, sentences_later=True)
        undone.callback(store.close)
        hashing = undone.enter_context(ThreadPoolExecutor(1, "askpod-load-verify"))
        beside = undone.enter_context(ThreadPoolExecutor(1, "askpod-load-search"))
        # What was hashed has been read: the embedder's files come off the disk once.
        embedding = embedder_folder(settings)
        verified = _submit(hashing, _verify, embedding, phase)
        sentences = _submit(hashing, store.open_sentences)
        # What it reads is compressed: without this the first question would unpack it.
        language = _submit(hashing, detect_language, _A_QUESTION)
        reading = ReadAhead(_weights(settings))
        with _timed("imports", phase):
            _import_everything(settings, embedding)
        searching = _submit(beside, _load_searching, settings, store, embedding, verified, phase)
        with _timed("model", phase):
            engine = load_language_model(settings, phase)
        undone.callback(engine.close)
        found = searching.result()
        sentences.result()
        language.result()
        phase("read_ahead", round(reading.wait() * 1000, 1))
        _let_the_engine_compute(settings)
        loaded = assemble(engine, store, found.embedder, settings, found.reranker, found.router)
        with _timed("warm_up", phase):
            asyncio.run(_warm_up(loaded, found.embedder))
        undone.pop_all()
        for idle in (hashing, beside):
            idle.shutdown()
    return loaded


def _submit(threads: ThreadPoolExecutor, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
    """Do it in a thread, as part of the trace of this one."""
    context = contextvars.copy_context()
    return threads.submit(lambda: context.run(work, *args, **kwargs))


def _weights(settings: Settings) -> list[Path]:
    """What the language model and the reranker will read."""
    folders: list[Path | None] = [reranker_folder(settings)]
    if settings.base_model != NO_MODEL:
        folders += [locate(settings.base_model, "BASE_MODEL", settings), *adapter_folders(settings).values()]
    return [path for folder in folders if folder for path in folder.glob("*.safetensors")]


def _verify(folder: Path, phase: Phase) -> str:
    with _timed("verify", phase):
        return fingerprint_of(folder)


def _import_everything(settings: Settings, embedding: Path) -> None:
    if _has_own_engine(settings):
        import agent.engine.transformers_engine
    if settings.reranker_model:
        import agent.retrieval.cross_encoder
    import agent.retrieval.model_embedder
    from agent.retrieval.plain_encoder import is_plain

    # What is wrong with its files is told when it is loaded.
    with suppress(OSError, ValueError, KeyError, TypeError):
        if not is_plain(embedding):
            import agent.retrieval.library_encoder  # noqa: F401


def _has_own_engine(settings: Settings) -> bool:
    return settings.base_model != NO_MODEL and settings.engine == "transformers"


def _let_the_engine_compute(settings: Settings) -> None:
    """On a CPU its thread is the only one that computes with all of torch's from now on."""
    if _has_own_engine(settings):
        from agent.engine.device import pick_device
        from agent.engine.threads import compute_alone

        if pick_device(settings.device).type == "cpu":
            compute_alone()


def _load_searching(
    settings: Settings, store: Store, embedding: Path, verified: "Future[str]", phase: Phase
) -> _Searching:  # fmt: skip
    if _has_own_engine(settings):
        from agent.engine.threads import ALL, compute_with

        # This thread ends soon, and its helpers with it.
        compute_with(ALL)
    with _timed("embedder", phase):
        embedder = embedder_in(embedding, settings, verified.result())
        if embedder.fingerprint != store.manifest.embedder_fingerprint:
            raise StoreMismatch(
                "The store of RAG_STORE was built with another embedding model than EMBEDDING_MODEL.",
                detail=store.manifest.embedder,
                remedy="Build it again with `make ingest DOCS=folder`, or set EMBEDDING_MODEL to that one.",
            )
        reranker = load_reranker(settings)
    with _timed("router", phase):
        return _Searching(embedder, reranker, Router(embedder, store))


def assemble(
    engine: Engine, store: Store, embedder: Embedder, settings: Settings, reranker: Reranker | None = None,
    router: Router | None = None,
) -> Loaded:  # fmt: skip
    """The agents around an engine, the store in `settings.rag_store`, open, and its embedder; a router is made of it
    where there is none yet.
    """

    def make_retriever(opened: Store) -> Retriever:
        return Retriever(opened, settings.dense_weight, reranker)

    corpora = LiveCorpus(store, settings.rag_store, make_retriever, embedder.fingerprint)
    return Loaded(engine, MultiAgent(engine, corpora, embedder, settings, router or Router(embedder, store)), corpora)


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
def _without_collections() -> Iterator[None]:
    """Imports and models are a million objects, none of which is garbage: looking for it is a fifth of the time."""
    gc.disable()
    try:
        yield
        # What is there now stays for ever, and no later collection has to look at it.
        gc.freeze()
    finally:
        gc.enable()


@contextmanager
def _timed(name: str, phase: Phase) -> Iterator[None]:
    started = time.monotonic()
    with span(name):
        yield
    phase(name, ms_since(started))
