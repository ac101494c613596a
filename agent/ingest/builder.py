"""Builds a store beside the current one and makes it current in one step."""

import shutil
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from agent.ingest.chunker import Chunker
from agent.retrieval.embedder import Embedder, Progress
from agent.store.chunks import ChunkSpan, Document, write_chunks
from agent.store.lexical import write_lexical
from agent.store.manifest import BUILDS, Manifest, StoredFile, sha256_of, write_manifest
from agent.store.store import CHUNKS_FILE, INDEX_FILE, LEXICAL_FOLDER
from agent.store.vectors import write_vectors
from agent.text.words import terms

Chunked = list[tuple[Document, list[ChunkSpan]]]


def cut(documents: Sequence[Document], embedder: Embedder, chunk_tokens: int, overlap_tokens: int) -> Chunked:
    """Every document with its chunks."""
    chunker = Chunker(embedder.token_counts, chunk_tokens, overlap_tokens)
    return [(document, chunker.split(document)) for document in documents]


def passage_text(document: Document, chunk: ChunkSpan) -> str:
    """What is embedded and indexed for a chunk: its heading path says what it is about, so it goes first."""
    heading = chunk.heading or document.title
    return f"{heading}\n{document.text[chunk.start : chunk.end]}"


def build_store(
    store: Path,
    chunked: Chunked,
    embedder: Embedder,
    *,
    chunk_tokens: int,
    overlap_tokens: int,
    progress: Progress = lambda _done: None,
) -> Manifest:
    """Write a new build under `store` and switch to it. Until the last step the old build stays current.

    `progress` is told how many chunks were embedded since it was last told.

    Raises:
        OSError: the folder cannot be written.
    """
    build = uuid.uuid4().hex[:12]
    folder = store / BUILDS / build
    folder.mkdir(parents=True)
    passages = [(document, passage_text(document, chunk)) for document, chunks in chunked for chunk in chunks]
    vectors = embedder.embed_passages([text for _, text in passages], progress)
    write_vectors(folder / INDEX_FILE, vectors)
    write_lexical(folder / LEXICAL_FOLDER, [terms(text, document.language) for document, text in passages])
    write_chunks(folder / CHUNKS_FILE, chunked)
    manifest = Manifest(
        build=build,
        built_at=datetime.now(UTC).isoformat(timespec="seconds"),
        embedder=embedder.name,
        embedder_fingerprint=embedder.fingerprint,
        dimension=embedder.dimension,
        chunk_tokens=chunk_tokens,
        chunk_overlap_tokens=overlap_tokens,
        documents=len(chunked),
        chunks=len(passages),
        sources={document.source: document.sha256 for document, _ in chunked},
        files=_stored_files(store, folder),
    )
    write_manifest(store, manifest)
    _remove_builds_but(store, build)
    return manifest


def _stored_files(store: Path, folder: Path) -> list[StoredFile]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [
        StoredFile(path=path.relative_to(store).as_posix(), size=path.stat().st_size, sha256=sha256_of(path))
        for path in files
    ]


def _remove_builds_but(store: Path, build: str) -> None:
    """Delete what is no longer current; a process that still reads it keeps its open files."""
    for folder in (store / BUILDS).iterdir():
        if folder.name != build:
            shutil.rmtree(folder, ignore_errors=True)
