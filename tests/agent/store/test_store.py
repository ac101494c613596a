"""Opening, verifying and replacing a store."""

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agent.ingest.loaders import find_files
from agent.ingest.sync import sync
from agent.load_errors import LoadError, StoreCorrupt, StoreMismatch, StoreMissing
from agent.retrieval.hashing_embedder import HashingEmbedder
from agent.store.manifest import Manifest, StoredFile, read_manifest, sealed, sha256_of, write_manifest
from agent.store.store import Store
from agent.store.vectors import write_vectors
from tests.conftest import ROOT, environment
from tests.fakes.loading import DOCUMENTS, SIZES, build_small_store, write_documents


def build_folder(store: Path) -> Path:
    return store / "builds" / read_manifest(store).build


def flip_a_byte(store: Path) -> None:
    index = build_folder(store) / "index.faiss"
    content = bytearray(index.read_bytes())
    content[len(content) // 2] ^= 1
    index.write_bytes(content)


def remove_a_file(store: Path) -> None:
    (build_folder(store) / "chunks.sqlite").unlink()


def link_a_file(store: Path) -> None:
    database = build_folder(store) / "chunks.sqlite"
    database.rename(store / "elsewhere")
    database.symlink_to(store / "elsewhere")


def change_manifest(store: Path, **changes: object) -> None:
    manifest = json.loads((store / "manifest.json").read_text())
    del manifest["sha256"]
    (store / "manifest.json").write_text(sealed(manifest | changes))


def point_outside(store: Path) -> None:
    files = json.loads((store / "manifest.json").read_text())["files"]
    files[0]["path"] = "../../outside"
    change_manifest(store, files=files)


def list_no_files(store: Path) -> None:
    flip_a_byte(store)
    change_manifest(store, files=[])


def build_elsewhere(store: Path) -> None:
    change_manifest(store, build="../../elsewhere")


def break_the_manifest(store: Path) -> None:
    (store / "manifest.json").write_text("{")


def empty_the_manifest(store: Path) -> None:
    (store / "manifest.json").write_bytes(b"")


def make_it_a_list(store: Path) -> None:
    (store / "manifest.json").write_text("[]")


def remove_the_manifest(store: Path) -> None:
    (store / "manifest.json").unlink()


def claim_another_version(store: Path) -> None:
    change_manifest(store, schema_version=99)


def claim_another_index_type(store: Path) -> None:
    change_manifest(store, index_type="hnsw")


def claim_another_count(store: Path) -> None:
    change_manifest(store, sentences=10_000)


def alter_the_sentences(store: Path) -> None:
    path = build_folder(store) / "sentences.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def remove_the_sentences(store: Path) -> None:
    (build_folder(store) / "sentences.npy").unlink()


@pytest.mark.parametrize("damage", [alter_the_sentences, remove_the_sentences])
def test_sentences_that_are_opened_later_are_verified_then(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """A store whose sentences are as they were built is whole after that."""
    good, bad = (build_small_store(tmp_path / name) for name in ("good", "bad"))
    store = Store(good, sentences_later=True)
    store.open_sentences()
    whole = Store(good)
    everything = [*whole.sentences_of(0)]
    assert everything == [*store.sentences_of(0)]
    assert np.array_equal(whole.sentence_vectors.get(everything), store.sentence_vectors.get(everything))
    opened = Store(bad, sentences_later=True)
    damage(bad)
    with pytest.raises(StoreCorrupt, match=r"store"):
        opened.open_sentences()


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (flip_a_byte, StoreCorrupt),
        (remove_a_file, StoreCorrupt),
        (link_a_file, StoreCorrupt),
        (point_outside, StoreCorrupt),
        (list_no_files, StoreCorrupt),
        (build_elsewhere, StoreCorrupt),
        (break_the_manifest, StoreCorrupt),
        (empty_the_manifest, StoreCorrupt),
        (make_it_a_list, StoreCorrupt),
        (remove_the_manifest, StoreMissing),
        (claim_another_version, StoreMismatch),
        (claim_another_index_type, StoreCorrupt),
        (claim_another_count, StoreCorrupt),
    ],
)
def test_a_damaged_store_is_refused(tmp_path: Path, damage: Callable[[Path], None], error: type[LoadError]) -> None:
    """Nothing of it is opened, and the error says what to do."""
    store = build_small_store(tmp_path)
    damage(store)
    with pytest.raises(error, match=r"store"):
        Store(store)


@pytest.mark.parametrize("name", ["index.faiss", "sentences.npy", "chunks.sqlite", "bm25/params.index.json"])
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path, name: str) -> None:
    """Even when the manifest vouches for it."""
    store = build_small_store(tmp_path)
    (build_folder(store) / name).write_bytes(b"\x00garbage" * 100)
    vouch_for(store)
    with pytest.raises(StoreCorrupt, match="cannot be read"):
        Store(store)


def vouch_for(store: Path) -> None:
    """Write a manifest that has the hashes of the files as they are."""
    manifest = read_manifest(store)
    files = [
        StoredFile(path=file.path, size=(store / file.path).stat().st_size, sha256=sha256_of(store / file.path))
        for file in manifest.files
    ]
    write_manifest(store, manifest.model_copy(update={"files": files}))


def test_an_index_of_another_type_than_the_manifest_says_is_refused(tmp_path: Path) -> None:
    """A graph in the place of the exact index, with its hash in order."""
    store = build_small_store(tmp_path)
    opened = Store(store)
    vectors = opened.vectors.get(range(opened.manifest.chunks))
    write_vectors(build_folder(store) / "index.faiss", vectors, "hnsw")
    vouch_for(store)
    with pytest.raises(StoreCorrupt, match="does not match its manifest"):
        Store(store)


def test_a_new_build_replaces_the_old_one_under_an_open_reader(tmp_path: Path) -> None:
    """Who has the old build open reads on; who opens the store then gets the new one; nothing is left over."""
    folder = build_small_store(tmp_path)
    old = Store(folder)
    documents = write_documents(tmp_path / "new", {"only.md": "# Only\n\nOne sentence about whales.\n"})
    manifest = sync(folder, find_files([str(documents)]), HashingEmbedder(), SIZES).manifest
    assert manifest is not None
    everything = range(old.manifest.chunks)
    assert set(DOCUMENTS) == {chunk.source for chunk in old.chunks.get(everything)}
    assert len(everything) == len(old.vectors.search(old.vectors.get([0])[0], 100))
    assert np.isfinite(old.sentence_vectors.get(old.sentences_of(0))).all()
    assert old.lexical.scores(["port"]).any()
    assert ["only.md"] == list(Store(folder).manifest.sources)
    assert {manifest.build} == {path.name for path in (folder / "builds").iterdir()}
    assert {"manifest.json", "builds", ".lock"} == {path.name for path in folder.iterdir()}


def test_a_store_can_always_be_opened_while_it_is_replaced(tmp_path: Path) -> None:
    """A reader whose build is deleted under its hands takes the next one."""
    folder = build_small_store(tmp_path)
    docs = tmp_path / "docs"
    failures: list[Exception] = []
    opened: list[str] = []
    ended = threading.Event()

    def open_it() -> None:
        while not ended.is_set():
            try:
                store = Store(folder)
            except Exception as error:
                failures.append(error)
                return
            opened.append(store.manifest.build)
            store.close()

    reader = threading.Thread(target=open_it)
    reader.start()
    number = 0
    while number < 15 or len(set(opened)) < 3:
        number += 1
        write_documents(docs, {"changing.md": f"# Changing\n\nThis is version {number} of it.\n"})
        sync(folder, find_files([str(docs)]), HashingEmbedder(), SIZES)
        if failures:
            break
    ended.set()
    reader.join()
    assert [] == failures


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


@pytest.mark.parametrize(
    "changes",
    [
        {"embedder_fingerprint": "other"},
        {"chunk_tokens": 65},
        {"sources": {"a.md": "0" * 64}},
        {"files": [StoredFile(path="builds/x/chunks.sqlite", size=1, sha256="0" * 64)]},
    ],
)
def test_other_content_has_another_index_id(tmp_path: Path, changes: dict[str, object]) -> None:
    """Another embedder, other chunks, other documents, other texts."""
    manifest = read_manifest(build_small_store(tmp_path))
    assert manifest.index_id != manifest.model_copy(update=changes).index_id


def test_when_it_was_built_is_not_in_the_index_id(tmp_path: Path) -> None:
    """Nor how the build is called."""
    manifest: Manifest = read_manifest(build_small_store(tmp_path))
    later = manifest.model_copy(update={"built_at": "2030-01-01T00:00:00+00:00", "build": "other"})
    assert manifest.index_id == later.index_id


def test_an_open_store_reads_from_a_read_only_disk(tmp_path: Path) -> None:
    """Nothing is written beside the database, not even while it is read."""
    folder = build_small_store(tmp_path)
    before = set(folder.rglob("*"))
    store = Store(folder)
    store.chunks.get(range(store.manifest.chunks))
    assert before == set(folder.rglob("*"))
    store.close()
    with pytest.raises(sqlite3.ProgrammingError):
        store.chunks.get([0])
