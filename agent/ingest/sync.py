"""Brings a store in line with a set of files: embeds what is new, drops what is gone, keeps the rest."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent.ingest import journal
from agent.ingest.builder import ChunkSizes, Cut, Progress, build_store, cut, remove_leftovers
from agent.ingest.formats.parsed import Unreadable
from agent.ingest.loaders import SourceFile, load
from agent.load_errors import LoadError
from agent.retrieval.embedder import Embedder, PassageText, PassageVectors
from agent.store.documents import Document
from agent.store.manifest import FILE_NAME, Manifest, read_manifest
from agent.store.store import Store
from agent.store.vectors import Vectors

LOCK_FILE = ".lock"


class StoreBusy(Exception):
    """Another process is writing to this store."""


class NothingToIngest(Exception):
    """Not one file holds anything to be found; the store is left as it was."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was left out, and why."""

    source: str
    reason: str


@dataclass(slots=True)
class Changes:
    """What a sync found, by source, and what it did. `manifest` is of the store as it is now."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    embedded: int = 0
    manifest: Manifest | None = None

    @property
    def any(self) -> bool:
        """Whether the store had to be written."""
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who wants to see progress: told of each skipped file, of the number of chunks, and of each batch of them."""

    skipped: Callable[[Skipped], None] = lambda _skipped: None
    total: Callable[[int], None] = lambda _chunks: None
    embedded: Progress = lambda _done: None


def sync(
    store: Path, files: Sequence[SourceFile], embedder: Embedder, sizes: ChunkSizes, watcher: Watcher | None = None
) -> Changes:
    """Make `store` hold exactly the documents in `files`.

    Raises:
        NothingToIngest: no file has any text.
        StoreBusy: another process writes to it.
        OSError: it cannot be written.
    """
    watcher = watcher or Watcher()
    with _locked(store):
        previous = _previous(store, embedder, sizes)
        try:
            return _sync(store, files, embedder, sizes, previous, watcher)
        finally:
            if previous is not None:
                previous.close()


def remove(store: Path, sources: Sequence[str]) -> Changes:
    """Drop documents from a store; nothing is embedded, and no model is needed.

    Raises:
        KeyError: the store has no such source.
        NothingToIngest: nothing would be left.
        StoreBusy: another process writes to it.
        StoreMissing, StoreMismatch, StoreCorrupt: it cannot be read.
    """
    read_manifest(store)  # no folder is made where there is no store
    with _locked(store):
        opened = Store(store)
        try:
            unknown = sorted(set(sources) - set(opened.manifest.sources))
            if unknown:
                raise KeyError(unknown[0])
            kept = [entry for entry in opened.chunks.documents() if entry[0].source not in sources]
            if not any(chunks for _, chunks in kept):
                raise NothingToIngest
            manifest = opened.manifest
            sizes = ChunkSizes(manifest.chunk_tokens, manifest.chunk_overlap_tokens)
            built = build_store(store, kept, _NamedEmbedder(manifest), sizes, opened)
            unchanged = [document.source for document, _ in kept]
            return Changes(removed=sorted(set(sources)), unchanged=unchanged, manifest=built.manifest)
        finally:
            opened.close()


def _sync(
    store: Path,
    files: Sequence[SourceFile],
    embedder: Embedder,
    sizes: ChunkSizes,
    previous: Store | None,
    watcher: Watcher,
) -> Changes:
    changes, fresh = _compare(files, previous.manifest.sources if previous else {}, watcher)
    if previous is not None and not changes.any:
        remove_leftovers(store, previous.manifest.build)
        changes.manifest = previous.manifest
        return changes
    kept = set(changes.unchanged)
    entries: list[Cut] = [entry for entry in previous.chunks.documents() if entry[0].source in kept] if previous else []
    entries += cut(fresh, embedder, sizes)
    # The order decides the ids, and with them the index id: it must not depend on what was there before.
    entries.sort(key=lambda entry: entry[0].source)
    chunks = sum(len(spans) for _, spans in entries)
    if not chunks:
        raise NothingToIngest
    watcher.total(chunks)
    built = build_store(store, entries, embedder, sizes, previous, watcher.embedded)
    changes.manifest, changes.embedded = built.manifest, built.embedded
    return changes


def _compare(files: Sequence[SourceFile], known: dict[str, str], watcher: Watcher) -> tuple[Changes, list[Document]]:
    """What differs from the store, and the documents that must be read for it."""
    changes, fresh = Changes(), []
    for file in files:
        try:
            if known.get(file.source) == file.sha256():
                changes.unchanged.append(file.source)
                continue
            fresh.append(load(file))
        except Unreadable as error:
            changes.skipped.append(Skipped(file.source, error.reason))
            watcher.skipped(changes.skipped[-1])
            continue
        (changes.changed if file.source in known else changes.added).append(file.source)
    # A file that can no longer be read is gone, too: answers must not come from what its owner has replaced.
    present = {*changes.unchanged, *changes.added, *changes.changed}
    changes.removed = sorted(set(known) - present)
    return changes, fresh


def _previous(store: Path, embedder: Embedder, sizes: ChunkSizes) -> Store | None:
    """The store as it is, if its chunks and vectors can be used again; a damaged one is built anew."""
    try:
        opened = Store(store)
    except LoadError:
        return None
    manifest = opened.manifest
    built_with = (manifest.embedder_fingerprint, manifest.chunk_tokens, manifest.chunk_overlap_tokens)
    if built_with == (embedder.fingerprint, sizes.tokens, sizes.overlap_tokens):
        return opened
    opened.close()
    return None


class _NamedEmbedder:
    """The embedder of a store whose vectors are all there: it is named, and never asked."""

    def __init__(self, manifest: Manifest) -> None:
        self.name = manifest.embedder
        self.dimension = manifest.dimension
        self.fingerprint = manifest.embedder_fingerprint

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        """Nobody asks."""
        raise NotImplementedError

    def embed_passages(self, passages: Sequence[PassageText]) -> Iterator[tuple[int, PassageVectors]]:
        """There are none."""
        assert not passages, "a chunk of the store without a vector"
        return iter(())

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """The chunks are cut."""
        raise NotImplementedError


@contextmanager
def _locked(store: Path) -> Iterator[None]:
    """One writer at a time. The lock goes with the process that holds it, however that ends."""
    created = not store.exists()
    store.mkdir(parents=True, exist_ok=True)
    with (store / LOCK_FILE).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreBusy from error
        if os.fstat(file.fileno()).st_nlink == 0:  # its folder went in the moment before it was locked
            raise StoreBusy
        try:
            yield
        finally:
            # A folder that never became a store is not left behind, as it would only puzzle.
            if created and not any((store / name).exists() for name in (FILE_NAME, journal.FILE_NAME)):
                shutil.rmtree(store, ignore_errors=True)
