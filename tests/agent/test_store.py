"""Building, verifying and replacing a store."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import LoadError, StoreCorrupt, StoreMismatch, StoreMissing
from agent.ingest.builder import build_store, cut
from agent.ingest.loaders import Skipped, load_documents
from agent.retrieval.hashing_embedder import HashingEmbedder
from agent.retrieval.retriever import Retriever
from agent.store.manifest import read_manifest
from agent.store.store import Store
from tests.conftest import ROOT, environment
from tests.fakes.loading import DOCUMENTS, build_small_store, write_documents


def test_every_chunk_and_sentence_is_where_it_says(tmp_path: Path) -> None:
    """`document[start:end]` is the text, for chunks and for their sentences."""
    store = Store(build_small_store(tmp_path))
    for chunk in store.chunks.get(range(store.manifest.chunks)):
        text = store.chunks.text_of(chunk.source)
        assert text is not None
        assert chunk.text == text[chunk.start : chunk.end]
        assert all(sentence.text == text[sentence.start : sentence.end] for sentence in chunk.sentences)


def test_both_indexes_find_the_passage(tmp_path: Path) -> None:
    """A question finds the document that shares its words, with its heading path."""
    retriever = Retriever(Store(build_small_store(tmp_path)), HashingEmbedder(), 0.7)
    found = retriever.retrieve(["Which port does the server use?"], "en", 2, {})
    assert ("server.md", "The server") == (found.passages[0].chunk.source, found.passages[0].chunk.heading)


def test_filters_apply_before_ranking(tmp_path: Path) -> None:
    """Only documents with the field's value are read, however well others match."""
    retriever = Retriever(Store(build_small_store(tmp_path)), HashingEmbedder(), 0.7)
    found = retriever.retrieve(["Which port does the server use?"], "en", 4, {"source": "adapters.md"})
    assert ["adapters.md"] == [passage.chunk.source for passage in found.passages]
    assert () == retriever.retrieve(["port"], "en", 4, {"title": "Nothing"}).passages


def flip_a_byte(store: Path) -> None:
    build = store / "builds" / read_manifest(store).build
    index = build / "index.faiss"
    content = bytearray(index.read_bytes())
    content[len(content) // 2] ^= 1
    index.write_bytes(content)


def remove_a_file(store: Path) -> None:
    build = store / "builds" / read_manifest(store).build
    (build / "chunks.sqlite").unlink()


def point_outside(store: Path) -> None:
    manifest = json.loads((store / "manifest.json").read_text())
    manifest["files"][0]["path"] = "../../outside"
    (store / "manifest.json").write_text(json.dumps(manifest))


def break_the_manifest(store: Path) -> None:
    (store / "manifest.json").write_text("{")


def remove_the_manifest(store: Path) -> None:
    (store / "manifest.json").unlink()


def claim_another_version(store: Path) -> None:
    manifest = json.loads((store / "manifest.json").read_text())
    (store / "manifest.json").write_text(json.dumps(manifest | {"schema_version": 99}))


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (flip_a_byte, StoreCorrupt),
        (remove_a_file, StoreCorrupt),
        (point_outside, StoreCorrupt),
        (break_the_manifest, StoreCorrupt),
        (remove_the_manifest, StoreMissing),
        (claim_another_version, StoreMismatch),
    ],
)
def test_a_damaged_store_is_refused(tmp_path: Path, damage: Callable[[Path], None], error: type[LoadError]) -> None:
    """Nothing of it is opened, and the error says what to do."""
    store = build_small_store(tmp_path)
    damage(store)
    with pytest.raises(error, match=r"store"):
        Store(store)


def test_a_new_build_replaces_the_old_one_under_an_open_reader(tmp_path: Path) -> None:
    """Who has the old build open reads on; who opens the store then gets the new one; nothing is left over."""
    folder = build_small_store(tmp_path)
    old = Store(folder)
    documents = write_documents(tmp_path / "new", {"only.md": "# Only\n\nOne sentence about whales.\n"})
    found = [document for document in load_documents(documents) if not isinstance(document, Skipped)]
    embedder = HashingEmbedder()
    chunked = cut(found, embedder, 64, 8)
    manifest = build_store(folder, chunked, embedder, chunk_tokens=64, overlap_tokens=8)
    retriever = Retriever(old, embedder, 0.7)
    assert "server.md" == retriever.retrieve(["server port"], "en", 1, {}).passages[0].chunk.source
    assert ["only.md"] == list(Store(folder).manifest.sources)
    assert [manifest.build] == [path.name for path in (folder / "builds").iterdir()]


def test_the_same_documents_make_the_same_index_id(tmp_path: Path) -> None:
    """The id names the content, not the build nor the process that built it."""
    code = "import sys, pathlib; from tests.fakes.loading import build_small_store as b; b(pathlib.Path(sys.argv[1]))"
    ids = set()
    for seed in ("1", "2"):
        command = [sys.executable, "-c", code, str(tmp_path / seed)]
        (tmp_path / seed).mkdir()
        subprocess.run(command, cwd=ROOT, env=environment() | {"PYTHONHASHSEED": seed}, check=True)
        ids.add(read_manifest(tmp_path / seed / "store").index_id)
    assert 1 == len(ids)


def test_files_that_cannot_be_read_are_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Empty and binary files are named with the reason; hidden files and other formats are passed over."""
    docs = write_documents(tmp_path, {**DOCUMENTS, "empty.md": " \n", ".hidden.md": "x", "picture.png": "x"})
    (docs / "latin.txt").write_bytes("ñ".encode("latin-1"))
    found = list(load_documents(docs))
    assert {"empty.md": "empty", "latin.txt": "not UTF-8 text"} == {
        item.source: item.reason for item in found if isinstance(item, Skipped)
    }
    assert len(DOCUMENTS) == sum(not isinstance(item, Skipped) for item in found)
