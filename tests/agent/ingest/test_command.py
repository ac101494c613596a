"""python -m agent.ingest, as a person runs it."""

import os
import signal
import sqlite3
from pathlib import Path

import pytest

from agent.ingest.builder import ChunkSizes
from agent.ingest.loaders import find_files
from agent.ingest.sync import Changes, sync
from agent.load_errors import StoreMissing
from agent.retrieval.hashing_embedder import HashingEmbedder
from agent.store.manifest import StoredFile, read_manifest, sha256_of, write_manifest
from agent.store.store import Store
from tests.agent.ingest.running import (
    SMALL_CHUNKS,
    Finished,
    command,
    command_on_a_terminal,
    embedded,
    hashing_command,
    stopped_command,
    write_long_document,
)
from tests.fakes.asking import ask, load_extractive
from tests.fakes.loading import DOCUMENTS, build_small_store, write_documents

NO_PORT = "# The server\n\nThe HTTP server has no port any more.\n"


def ingest_here(docs: Path, store: Path) -> Changes:
    """What a hashing command does, without a process."""
    return sync(store, find_files([str(docs)]), HashingEmbedder(), ChunkSizes(*SMALL_CHUNKS.values()))


def lines(finished: Finished) -> list[str]:
    """What was said, without the line that says what begins."""
    assert "Traceback" not in finished.stderr
    return [line for line in finished.stderr.splitlines() if not line.startswith("Building the index")]


def test_each_run_says_what_it_did(tmp_path: Path) -> None:
    """The counts, the index id, the chunks and how many of them were embedded; exit status 0."""
    docs = write_documents(tmp_path / "docs", DOCUMENTS)
    store = tmp_path / "store"
    first = hashing_command(docs, "--store", store)
    assert (0, "") == (first.returncode, first.stdout)
    assert [
        "Documents: 3 added, 0 changed, 0 removed, 0 unchanged, 0 skipped.",
        f"Store {read_manifest(store).index_id}: 3 documents, 3 chunks, 3 of them embedded now; flat index.",
    ] == lines(first)
    (docs / "adapters.md").unlink()
    write_documents(docs, {"server.md": NO_PORT, "new.md": "# New\n\nA new one.\n"})
    second = hashing_command(docs, rag_store=store)
    assert "Documents: 1 added, 1 changed, 1 removed, 1 unchanged, 0 skipped." == lines(second)[0]
    assert 2 == embedded(second)


def test_a_log_has_one_line_before_the_work_begins(tmp_path: Path) -> None:
    """With the number of files; a progress bar would be lost in it."""
    docs = write_documents(tmp_path / "docs", DOCUMENTS)
    finished = hashing_command(docs, "--store", tmp_path / "store")
    assert ["Building the index of 3 documents ...", *lines(finished)] == finished.stderr.splitlines()


def test_a_terminal_shows_progress_from_the_first_moment(tmp_path: Path) -> None:
    """While the embedding model loads, then while documents are read and chunks embedded; nothing of it stays."""
    docs = write_documents(tmp_path / "docs", DOCUMENTS)
    status, shown = command_on_a_terminal(docs, "--store", tmp_path / "store")
    steps = [shown.index(text) for text in ("Loading the embedding model", "Embedding chunks", "Documents: 3 added")]
    assert (0, sorted(steps)) == (status, steps)
    assert "Building the index" not in shown


def test_skipped_files_are_named_with_the_reason(tmp_path: Path) -> None:
    """Exactly as they are called; the rest is ingested, with status 0."""
    docs = write_documents(tmp_path / "docs", {**DOCUMENTS, "empty.md": " \n", "[bold]x[/bold]:boom:.md": ""})
    finished = hashing_command(docs, "--store", tmp_path / "store")
    assert 0 == finished.returncode
    assert [
        "skipped [bold]x[/bold]:boom:.md: empty",
        "skipped empty.md: empty",
        "Documents: 3 added, 0 changed, 0 removed, 0 unchanged, 2 skipped.",
    ] == lines(finished)[:3]
    assert sorted(DOCUMENTS) == sorted(Store(tmp_path / "store").manifest.sources)


def test_what_cannot_be_ingested_ends_with_status_2_and_one_line(tmp_path: Path) -> None:
    """A folder that is not there, an empty one, two files of one name, a model that is not there, a wrong setting."""
    full = write_documents(tmp_path / "docs", DOCUMENTS)
    other = write_documents(tmp_path / "other" / "docs", DOCUMENTS)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    store = tmp_path / "store"
    attempts = {
        "There is no file or folder": command(tmp_path / "none", "--store", store),
        "Nothing to ingest": command(tmp_path / "empty", "--store", store),
        "would both be called 'docs/adapters.md'": command(full, other, "--store", store),
        "model_not_found": command(full, "--store", store, embedding_model="models/typo"),
        "CHUNK_TOKENS": command(full, "--store", store, chunk_tokens="many"),
        "The store cannot be written: File exists.": hashing_command(full, "--store", tmp_path / "file"),
    }
    for expected, finished in attempts.items():
        assert (2, 1) == (finished.returncode, len(lines(finished))), finished.stderr
        assert expected in finished.stderr
    assert not store.exists()


def test_a_word_is_a_command_and_a_path_is_a_folder(tmp_path: Path) -> None:
    """A folder called "list" is ingested as ./list."""
    write_documents(tmp_path / "list", DOCUMENTS)
    before = Path.cwd()
    relative = os.path.relpath(tmp_path / "list", before)
    finished = hashing_command(f"./{relative}", "--store", tmp_path / "store")
    assert 0 == finished.returncode, finished.stderr
    assert sorted(DOCUMENTS) == sorted(Store(tmp_path / "store").manifest.sources)


def test_the_store_is_not_ingested_into_itself(tmp_path: Path) -> None:
    """When it lies in the folder of the documents: a store has JSON files."""
    ingest_here(write_documents(tmp_path, DOCUMENTS), tmp_path / "rag_store")
    finished = hashing_command(tmp_path, "--store", tmp_path / "rag_store", **SMALL_CHUNKS)
    assert "Documents: 0 added, 0 changed, 0 removed, 3 unchanged, 0 skipped." == lines(finished)[0]


def test_list_shows_every_document_on_a_line_of_its_own(tmp_path: Path) -> None:
    """On standard output, whole, however long the names are and whatever is in them."""
    long = f"{'a-long-folder-name/' * 8}[red]x[/red]:warning:.md"
    store = build_small_store(tmp_path, {**DOCUMENTS, long: f"# {'A long title ' * 10}\n\nText.\n"})
    finished = command("list", "--store", store)
    assert 0 == finished.returncode
    rows = [line.split() for line in finished.stdout.splitlines()]
    assert ["source", "title", "language", "format", "chunks"] == rows[0]
    assert sorted([*DOCUMENTS, long]) == [row[0] for row in rows[1:]]
    assert ["es/servidor.md", "El", "servidor", "es", "md", "1"] == rows[3]
    assert [f"Store {read_manifest(store).index_id}: 4 documents."] == lines(finished)


def test_remove_takes_documents_out(tmp_path: Path) -> None:
    """No model is loaded for it; with an unknown source among them nothing is taken out."""
    store = build_small_store(tmp_path)
    finished = command("remove", "adapters.md", "server.md", "--store", store, embedding_model="models/none")
    assert 0 == finished.returncode
    assert "Documents: 0 added, 0 changed, 2 removed, 1 unchanged, 0 skipped." == lines(finished)[0]
    assert 0 == embedded(finished)
    refused = command("remove", "es/servidor.md", "server.md", "--store", store)
    assert (2, ["The store has no document 'server.md'."]) == (refused.returncode, lines(refused))
    assert ["es/servidor.md"] == list(Store(store).manifest.sources)


def test_verify_says_that_a_store_is_whole(tmp_path: Path) -> None:
    """With what is in it."""
    store = build_small_store(tmp_path)
    finished = command("verify", "--store", store)
    manifest = read_manifest(store)
    assert 0 == finished.returncode
    assert [
        f"Store {manifest.index_id} is whole: {len(manifest.files)} files, 3 documents, 3 chunks, "
        f"{manifest.sentences} sentences."
    ] == lines(finished)


def test_verify_finds_a_quote_that_is_not_in_its_document(tmp_path: Path) -> None:
    """Even when every hash is in order."""
    store = build_small_store(tmp_path)
    manifest = read_manifest(store)
    (path,) = store.rglob("chunks.sqlite")
    with sqlite3.connect(path) as database:
        database.execute("UPDATE chunks SET text = replace(text, '8000', '9000') WHERE id = 2")
    database.close()
    files = [
        StoredFile(path=file.path, size=(store / file.path).stat().st_size, sha256=sha256_of(store / file.path))
        for file in manifest.files
    ]
    write_manifest(store, manifest.model_copy(update={"files": files}))
    finished = command("verify", "--store", store)
    assert (2, ["1 sentences are not in their documents; build the store again."]) == (
        finished.returncode, lines(finished),
    )  # fmt: skip


@pytest.mark.parametrize("words", [("list",), ("verify",), ("remove", "server.md")])
def test_a_store_that_is_not_there_is_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Status 2 and one line with the error's code; no folder is made."""
    finished = command(*words, "--store", tmp_path / "none" / "store")
    assert (2, 1, "") == (finished.returncode, len(lines(finished)), finished.stdout)
    assert finished.stderr.startswith("store_missing: ")
    assert not (tmp_path / "none").exists()


def test_a_damaged_store_does_not_verify(tmp_path: Path) -> None:
    """Status 2 and one line that says what to do."""
    store = build_small_store(tmp_path)
    next(store.rglob("index.faiss")).write_bytes(b"")
    finished = command("verify", "--store", store)
    assert (2, ["store_corrupt: A file of the store was altered; build it again."]) == (
        finished.returncode, lines(finished),
    )  # fmt: skip


def test_a_second_ingestion_at_once_is_refused(tmp_path: Path) -> None:
    """With one sentence and status 2; the lock goes with the process that held it, even when it was killed."""
    docs = write_documents(tmp_path / "docs", DOCUMENTS)
    store = tmp_path / "store"
    with stopped_command(docs, "--store", store, at=1) as first:
        second = hashing_command(docs, "--store", store)
        assert (2, ["Another ingestion is writing to this store. Wait for it to end."]) == (
            second.returncode, lines(second),
        )  # fmt: skip
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        ingest_here(docs, store)
    assert 3 == Store(store).manifest.documents


def test_removing_while_an_ingestion_runs_is_refused(tmp_path: Path) -> None:
    """And the old store can be read meanwhile."""
    store = build_small_store(tmp_path)
    write_documents(tmp_path / "docs", {"new.md": "# New\n\nA new one.\n"})
    with stopped_command(tmp_path / "docs", "--store", store, at=1) as first:
        assert "Another ingestion" in command("remove", "server.md", "--store", store).stderr
        assert "server.md" in Store(store).manifest.sources
        first.communicate("")
        assert 0 == first.returncode
    assert 4 == Store(store).manifest.documents


@pytest.mark.parametrize(
    ("die_at", "switched", "embedded_again"),
    [
        ("embed:31", False, 41 - 30),
        ("open:6", False, 0),
        ("os.rename:1", False, 0),
        ("os.rmdir:1", True, 0),
    ],
)
def test_a_killed_ingestion_leaves_a_store_that_answers(
    tmp_path: Path, die_at: str, switched: bool, embedded_again: int
) -> None:
    """While it embeds, while it writes, before it switches, and while it tidies up; the next run goes on from there."""
    docs = write_documents(tmp_path / "docs", DOCUMENTS)
    store = tmp_path / "store"
    old = ingest_here(docs, store).manifest
    write_documents(docs, {"server.md": NO_PORT})
    write_long_document(docs / "long.md")
    killed = hashing_command(docs, "--store", store, die_at=die_at, **SMALL_CHUNKS)
    assert -signal.SIGKILL == killed.returncode
    loaded = load_extractive(store, HashingEmbedder())
    answer = ask(loaded, "Which port does the HTTP server have?")
    loaded.close()
    assert old is not None
    assert switched == (old.index_id != answer.index)
    assert ("no port" if switched else "port 8000") in answer.answer
    assert embedded_again == ingest_here(docs, store).embedded
    fresh = ingest_here(docs, tmp_path / "fresh").manifest
    assert fresh is not None
    assert fresh.index_id == Store(store).manifest.index_id
    assert {".lock", "builds", "manifest.json"} == {path.name for path in store.iterdir()}
    assert 1 == len(list((store / "builds").iterdir()))


def test_a_first_ingestion_that_is_killed_goes_on_from_its_journal(tmp_path: Path) -> None:
    """There is no store yet, and so none that could be opened by mistake."""
    docs = tmp_path / "docs"
    write_long_document(docs / "long.md")
    store = tmp_path / "store"
    with stopped_command(docs, "--store", store, at=25, **SMALL_CHUNKS) as process:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    with pytest.raises(StoreMissing):
        Store(store)
    assert 40 - 25 == ingest_here(docs, store).embedded


def test_ctrl_c_ends_with_a_sentence(tmp_path: Path) -> None:
    """Status 130; what was embedded is kept for the next run, what was half written is not."""
    docs = tmp_path / "docs"
    write_long_document(docs / "long.md")
    store = tmp_path / "store"
    with stopped_command(docs, "--store", store, at=25, **SMALL_CHUNKS) as process:
        process.send_signal(signal.SIGINT)
        assert 130 == process.wait(timeout=120)
    assert [] == list((store / "builds").iterdir())
    assert 40 - 25 == ingest_here(docs, store).embedded
