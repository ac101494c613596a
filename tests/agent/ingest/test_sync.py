"""Bringing a store in line with its documents."""

import resource
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from agent.ingest.builder import ChunkSizes
from agent.ingest.loaders import find_files
from agent.ingest.sync import Changes, NothingToIngest, Skipped, Watcher, remove, sync
from agent.load_errors import StoreMissing
from agent.retrieval.embedder import PassageText, PassageVectors
from agent.retrieval.hashing_embedder import HashingEmbedder
from agent.store.manifest import read_manifest
from agent.store.store import Store
from tests.agent.ingest.running import write_long_document
from tests.fakes.loading import DOCUMENTS, write_documents

SIZES = ChunkSizes(32, 6)


class CountingEmbedder(HashingEmbedder):
    """Remembers what it was given."""

    def __init__(self, dimension: int = 256) -> None:
        super().__init__(dimension)
        self.passages: list[PassageText] = []

    def embed_passages(self, passages: Sequence[PassageText]) -> Iterator[tuple[int, PassageVectors]]:
        self.passages.extend(passages)
        return super().embed_passages(passages)


class NoisyEmbedder(HashingEmbedder):
    """As a real model: the last bits of a vector depend on what else is in the batch."""

    def embed_passages(self, passages: Sequence[PassageText]) -> Iterator[tuple[int, PassageVectors]]:
        for place, made in super().embed_passages(passages):
            yield place, PassageVectors(made.passage * np.float32(1 + 1e-6 * len(passages)), made.sentences)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    return write_documents(tmp_path / "docs", DOCUMENTS)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def ingest(store: Path, docs: Path, embedder: HashingEmbedder | None = None, sizes: ChunkSizes = SIZES) -> Changes:
    return sync(store, find_files([str(docs)]), embedder or HashingEmbedder(), sizes)


def counts(changes: Changes) -> tuple[int, ...]:
    """Added, changed, removed, unchanged, skipped, and chunks embedded."""
    lists = (changes.added, changes.changed, changes.removed, changes.unchanged, changes.skipped)
    return (*map(len, lists), changes.embedded)


def fresh_id(tmp_path: Path, docs: Path, embedder: HashingEmbedder | None = None) -> str:
    """The index id of a store built from scratch."""
    manifest = ingest(tmp_path / "fresh", docs, embedder).manifest
    assert manifest is not None
    return manifest.index_id


def test_a_second_run_does_nothing(store: Path, docs: Path) -> None:
    """No file of the store is touched, and nothing is embedded."""
    first = ingest(store, docs)
    assert (3, 0, 0, 0, 0, 3) == counts(first)
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*") if path.name != ".lock"}
    second = ingest(store, docs)
    assert (0, 0, 0, 3, 0, 0) == counts(second)
    assert before == {path: path.stat().st_mtime_ns for path in store.rglob("*") if path.name != ".lock"}
    assert first.manifest == second.manifest


def test_one_changed_sentence_embeds_the_chunks_it_is_in(tmp_path: Path, store: Path, docs: Path) -> None:
    """Of a large document; all others keep their vectors, and the store is as one built from scratch."""
    path = write_long_document(docs / "long.md")
    ingest(store, docs)
    path.write_text(path.read_text().replace("Barrel number 60 lies", "Barrel number 60 leaks"))
    embedder = CountingEmbedder()
    changes = ingest(store, docs, embedder)
    assert (0, 1, 0, 3, 0) == counts(changes)[:5]
    assert 1 <= changes.embedded <= 2
    assert changes.embedded == len(embedder.passages)
    assert all("leaks" in passage.body for passage in embedder.passages)
    assert changes.manifest is not None
    assert fresh_id(tmp_path, docs) == changes.manifest.index_id


def test_a_file_that_is_gone_goes(tmp_path: Path, store: Path, docs: Path) -> None:
    """With its chunks, and without any other being embedded."""
    ingest(store, docs)
    (docs / "adapters.md").unlink()
    changes = ingest(store, docs)
    assert (["adapters.md"], 2, 0) == (changes.removed, len(changes.unchanged), changes.embedded)
    opened = Store(store)
    assert {"server.md", "es/servidor.md"} == {c.source for c in opened.chunks.get(range(opened.manifest.chunks))}
    assert opened.manifest.index_id == fresh_id(tmp_path, docs)


def test_everything_at_once_ends_as_a_build_from_scratch(tmp_path: Path, store: Path, docs: Path) -> None:
    """Added, changed, removed and renamed; also with an embedder whose last bits depend on the batch."""
    embedder = NoisyEmbedder()
    ingest(store, docs, embedder)
    write_documents(docs, {"0.md": "# Zero\n\nNew here.\n", "server.md": "# The server\n\nIt is gone.\n"})
    (docs / "adapters.md").rename(docs / "zz.md")
    changes = ingest(store, docs, embedder)
    assert (["0.md", "zz.md"], ["server.md"], ["adapters.md"]) == (changes.added, changes.changed, changes.removed)
    assert 2 == changes.embedded
    assert changes.manifest is not None
    assert fresh_id(tmp_path, docs, embedder) == changes.manifest.index_id


def test_answers_come_from_the_vectors_of_their_chunks(store: Path, docs: Path) -> None:
    """After several changes, each chunk's vectors are still those of its own text and sentences."""
    write_long_document(docs / "long.md", sentences=30)
    ingest(store, docs)
    write_documents(docs, {"a.md": "# New\n\nFirst in order. It moves all ids.\n"})
    write_long_document(docs / "long.md", sentences=25)
    ingest(store, docs)
    opened, embedder = Store(store), HashingEmbedder()
    for chunk in opened.chunks.get(range(opened.manifest.chunks)):
        spans = tuple((one.start - chunk.start, one.end - chunk.start) for one in chunk.sentences)
        ((_, expected),) = embedder.embed_passages([PassageText(chunk.heading, chunk.text, spans)])
        assert np.allclose(expected.passage, opened.vectors.get([chunk.id])[0])
        ids = [sentence.id for sentence in chunk.sentences]
        assert ids == list(opened.sentences_of(chunk.id))
        assert np.allclose(expected.sentences, opened.sentence_vectors.get(ids), atol=1e-3)


def test_one_document_under_two_names_is_embedded_once(store: Path, docs: Path) -> None:
    """And is found under both."""
    write_documents(docs, {"copy/server.md": DOCUMENTS["server.md"]})
    embedder = CountingEmbedder()
    changes = ingest(store, docs, embedder)
    assert (4, 3, 3) == (len(changes.added), changes.embedded, len(embedder.passages))
    opened = Store(store)
    assert 4 == opened.manifest.chunks
    assert {"server.md", "copy/server.md"} <= {chunk.source for chunk in opened.chunks.get(range(4))}


def test_a_touched_file_is_unchanged(store: Path, docs: Path) -> None:
    """What counts is the content."""
    ingest(store, docs)
    for path in docs.rglob("*.md"):
        path.write_bytes(path.read_bytes())
    assert (0, 0, 0, 3, 0, 0) == counts(ingest(store, docs))


@pytest.mark.parametrize(("embedder", "sizes"), [(HashingEmbedder(128), SIZES), (HashingEmbedder(), ChunkSizes(16, 6))])
def test_other_settings_build_everything_again(
    store: Path, docs: Path, embedder: HashingEmbedder, sizes: ChunkSizes
) -> None:
    """Another embedder, or other chunks."""
    ingest(store, docs)
    changes = ingest(store, docs, embedder, sizes)
    manifest = Store(store).manifest
    assert 3 == len(changes.added)
    assert changes.embedded == manifest.chunks >= 3
    assert (embedder.fingerprint, sizes.tokens) == (manifest.embedder_fingerprint, manifest.chunk_tokens)


@pytest.mark.parametrize("damaged", ["manifest.json", "index.faiss", "sentences.npy", "chunks.sqlite"])
def test_a_damaged_store_is_built_again(tmp_path: Path, store: Path, docs: Path, damaged: str) -> None:
    """It is never fatal, and nothing of it is used."""
    ingest(store, docs)
    (path,) = store.rglob(damaged)
    path.write_bytes(path.read_bytes()[:-7] + b"garbage")
    changes = ingest(store, docs)
    assert (3, 0, 0, 0, 0, 3) == counts(changes)
    assert Store(store).manifest.index_id == fresh_id(tmp_path, docs)


def test_a_file_that_can_no_longer_be_read_is_removed(store: Path, docs: Path) -> None:
    """An answer must not come from what its owner has replaced; the watcher is told."""
    ingest(store, docs)
    (docs / "server.md").write_bytes(b" ")
    told: list[Skipped] = []
    changes = sync(store, find_files([str(docs)]), HashingEmbedder(), SIZES, Watcher(skipped=told.append))
    assert [Skipped("server.md", "empty")] == changes.skipped == told
    assert ["server.md"] == changes.removed
    assert "server.md" not in Store(store).manifest.sources


def test_progress_adds_up_to_all_chunks(store: Path, docs: Path) -> None:
    """Whether a chunk was embedded or known."""
    for sentences in (40, 60):
        write_long_document(docs / "long.md", sentences)
        totals: list[int] = []
        done: list[int] = []
        changes = sync(
            store, find_files([str(docs)]), HashingEmbedder(), SIZES, Watcher(total=totals.append, embedded=done.append)
        )
        assert changes.manifest is not None
        assert [changes.manifest.chunks] == totals == [sum(done)]


def test_documents_without_a_sentence_are_nothing(store: Path, tmp_path: Path) -> None:
    """Headings alone; and no folder is left where there was none."""
    docs = write_documents(tmp_path / "docs", {"a.md": "# Only a heading\n"})
    with pytest.raises(NothingToIngest):
        ingest(store, docs)
    assert not store.exists()


def test_nothing_to_ingest_leaves_the_store_as_it_was(store: Path, docs: Path) -> None:
    """Somebody has emptied the wrong folder."""
    ingest(store, docs)
    before = read_manifest(store)
    for path in docs.rglob("*.md"):
        path.write_text("")
    with pytest.raises(NothingToIngest):
        ingest(store, docs)
    assert before == Store(store).manifest


def test_removing_needs_no_embedder_and_keeps_the_rest(tmp_path: Path, store: Path, docs: Path) -> None:
    """The store is as one built from scratch without the document; a source named twice counts once."""
    ingest(store, docs)
    changes = remove(store, ["adapters.md", "adapters.md"])
    assert (["adapters.md"], ["es/servidor.md", "server.md"], 0) == (
        changes.removed, changes.unchanged, changes.embedded,
    )  # fmt: skip
    (docs / "adapters.md").unlink()
    assert Store(store).manifest.index_id == fresh_id(tmp_path, docs)
    assert (0, 0, 0, 2, 0, 0) == counts(ingest(store, docs))


def test_what_cannot_be_removed_changes_nothing(tmp_path: Path, store: Path, docs: Path) -> None:
    """An unknown source, every source, or a store that is not there."""
    ingest(store, docs)
    before = read_manifest(store)
    with pytest.raises(KeyError, match=r"none\.md"):
        remove(store, ["server.md", "none.md"])
    with pytest.raises(NothingToIngest):
        remove(store, list(DOCUMENTS))
    assert before == Store(store).manifest
    with pytest.raises(StoreMissing):
        remove(tmp_path / "none" / "store", ["server.md"])
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("limit", [100, 2_000, 20_000, 50_000, 70_000])
def test_a_full_disk_is_an_os_error_and_the_old_store_stays(store: Path, docs: Path, limit: int) -> None:
    """Whichever file it meets; what was half written is removed."""
    ingest(store, docs)
    before = read_manifest(store)
    write_long_document(docs / "long.md", 200)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        with pytest.raises(OSError, match=r"large|space|disk"):
            ingest(store, docs)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert before == Store(store).manifest
    assert {before.build} == {path.name for path in (store / "builds").iterdir()}
    assert 1 == len(ingest(store, docs).added)
