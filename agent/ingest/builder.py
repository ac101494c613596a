"""Builds a store beside the current one and makes it current in one step."""

import hashlib
import shutil
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from agent.answering.router import PROTOTYPE_TEXTS
from agent.ingest import journal as journal_file
from agent.ingest.chunker import Chunker
from agent.ingest.journal import DIGEST_BYTES, Journal
from agent.retrieval.embedder import Embedder, PassageText, PassageVectors
from agent.store.chunks import write_chunks
from agent.store.documents import Block, ChunkSpan, Document
from agent.store.lexical import write_lexical
from agent.store.manifest import (
    BUILDS,
    CHUNKS_FILE,
    INDEX_FILE,
    LEXICAL_FOLDER,
    SENTENCES_FILE,
    UNFINISHED_NAME,
    Manifest,
    StoredFile,
    sha256_of,
    write_manifest,
)
from agent.store.question_vectors import write_question_vectors
from agent.store.sentence_vectors import write_sentence_vectors
from agent.store.store import Store
from agent.store.vectors import index_type_for, write_vectors
from agent.text.blocks import head_of, split_blocks
from agent.text.words import terms

Cut = tuple[Document, Sequence[ChunkSpan]]
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class ChunkSizes:
    """Largest chunk, and what neighbours share, in tokens of the embedder."""

    tokens: int
    overlap_tokens: int


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made, and how many chunks it had to embed for it."""

    manifest: Manifest
    embedded: int


def cut(documents: Sequence[Document], embedder: Embedder, sizes: ChunkSizes) -> list[Cut]:
    """Every document, with its blocks filled, and its chunks."""
    chunker = Chunker(embedder.token_counts, sizes.tokens, sizes.overlap_tokens)
    return [_cut(document, chunker) for document in documents]


def passage_of(document: Document, chunk: ChunkSpan) -> PassageText:
    """What is embedded and indexed for a chunk."""
    spans = tuple((start - chunk.start, end - chunk.start) for start, end, _kind in chunk.sentences)
    return PassageText(
        head_of(document.title, document.date, chunk.heading), document.text[chunk.start : chunk.end], spans
    )


def _cut(document: Document, chunker: Chunker) -> Cut:
    blocks = list(split_blocks(document.text, document.body_start))
    stored = tuple(
        Block(block.kind.value, block.heading, block.section, block.start, block.end, block.lead_end)
        for block in blocks
    )
    return replace(document, blocks=stored), chunker.split(document.text, blocks)


def digest_of(passage: PassageText) -> bytes:
    """Names what the embedder is given: equal digests have equal vectors."""
    return hashlib.blake2b(repr(passage).encode(), digest_size=DIGEST_BYTES).digest()


def build_store(
    store: Path,
    documents: Sequence[Cut],
    embedder: Embedder,
    sizes: ChunkSizes,
    previous: Store | None = None,
    progress: Progress = lambda _done: None,
) -> Built:
    """Write a new build under `store` and switch to it. Until the last step the old build stays current.

    Vectors are taken from `previous`, a store of the same embedder, and from the journal of an interrupted build, where
    they have them. `progress` is told how many chunks have got their vectors since it was last told.

    Raises:
        OSError: the folder cannot be written.
    """
    build = uuid.uuid4().hex[:12]
    folder = store / BUILDS / build
    folder.mkdir(parents=True)
    try:
        built = _build(store, folder, documents, embedder, sizes, previous, progress)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    write_manifest(store, built.manifest)
    remove_leftovers(store, build)
    return built


def remove_leftovers(store: Path, build: str) -> None:
    """Delete what is no longer current; a process that still reads it keeps its open files."""
    for name in (journal_file.FILE_NAME, UNFINISHED_NAME):
        (store / name).unlink(missing_ok=True)
    for folder in (store / BUILDS).iterdir():
        if folder.name != build:
            shutil.rmtree(folder, ignore_errors=True)


def _build(
    store: Path,
    folder: Path,
    documents: Sequence[Cut],
    embedder: Embedder,
    sizes: ChunkSizes,
    previous: Store | None,
    progress: Progress,
) -> Built:
    """Write the files of a build into `folder`; the manifest is yet to be written."""
    passages = [passage_of(document, chunk) for document, chunks in documents for chunk in chunks]
    languages = [document.language for document, chunks in documents for _ in chunks]
    digests = [digest_of(passage) for passage in passages]
    with Journal(store, embedder.fingerprint, embedder.dimension) as journal:
        known = _Known(previous, journal)
        embedded = _embed(passages, digests, embedder, known, progress)
        _write_vectors(folder, digests, [len(passage.sentences) for passage in passages], known, embedder.dimension)
    questions = None if previous is None else previous.question_vectors(PROTOTYPE_TEXTS)
    if questions is None:
        questions = embedder.embed_questions(PROTOTYPE_TEXTS)
    write_question_vectors(folder, PROTOTYPE_TEXTS, questions)
    write_lexical(folder / LEXICAL_FOLDER, [terms(p.text, lang) for p, lang in zip(passages, languages, strict=True)])
    write_chunks(folder / CHUNKS_FILE, documents, digests)
    manifest = Manifest(
        build=folder.name,
        built_at=datetime.now(UTC).isoformat(timespec="seconds"),
        embedder=embedder.name,
        embedder_fingerprint=embedder.fingerprint,
        dimension=embedder.dimension,
        index_type=index_type_for(len(passages)),
        chunk_tokens=sizes.tokens,
        chunk_overlap_tokens=sizes.overlap_tokens,
        documents=len(documents),
        blocks=sum(len(document.blocks) for document, _ in documents),
        chunks=len(passages),
        sentences=sum(len(passage.sentences) for passage in passages),
        sources={document.source: document.sha256 for document, _ in documents},
        files=_stored_files(store, folder),
    )
    return Built(manifest, embedded)


class _Known:
    """Where the vectors of a chunk can be had without embedding it."""

    def __init__(self, previous: Store | None, journal: Journal) -> None:
        self.journal = journal
        self._previous = previous
        self._ids: dict[bytes, int] = {}
        if previous is not None:
            self._ids = {digest: number for number, digest in enumerate(previous.chunks.digests())}

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._ids or digest in self.journal.vectors

    def get(self, digest: bytes) -> PassageVectors:
        number = self._ids.get(digest)
        if self._previous is None or number is None:
            return self.journal.vectors[digest]
        sentences = self._previous.sentence_vectors.get(self._previous.sentences_of(number))
        return PassageVectors(self._previous.vectors.get([number])[0], sentences)


def _embed(
    passages: Sequence[PassageText], digests: Sequence[bytes], embedder: Embedder, known: _Known, progress: Progress
) -> int:
    """Embed what is not known yet, each text once; returns how many that were."""
    missing = {digest: place for place, digest in enumerate(digests) if digest not in known}
    progress(len(passages) - len(missing))
    places = list(missing.values())
    for at, vectors in embedder.embed_passages([passages[place] for place in places]):
        known.journal.add(digests[places[at]], vectors)
        progress(1)
    return len(places)


def _write_vectors(
    folder: Path, digests: Sequence[bytes], sentences: Sequence[int], known: _Known, dimension: int
) -> None:
    chunks = np.empty((len(digests), dimension), dtype=np.float32)
    for place, digest in enumerate(digests):
        chunks[place] = known.get(digest).passage
    write_vectors(folder / INDEX_FILE, chunks, index_type_for(len(chunks)))
    blocks = (known.get(digest).sentences for digest in digests)
    write_sentence_vectors(folder / SENTENCES_FILE, blocks, sum(sentences), dimension)


def _stored_files(store: Path, folder: Path) -> list[StoredFile]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [
        StoredFile(path=path.relative_to(store).as_posix(), size=path.stat().st_size, sha256=sha256_of(path))
        for path in files
    ]
