"""A store, verified and open."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from agent.errors import StoreCorrupt
from agent.store.chunks import Chunks
from agent.store.lexical import LexicalIndex
from agent.store.manifest import (
    BUILDS,
    CHUNKS_FILE,
    INDEX_FILE,
    LEXICAL_FOLDER,
    SENTENCES_FILE,
    Manifest,
    read_manifest,
    verify_files,
)
from agent.store.question_vectors import read_question_vectors
from agent.store.sentence_vectors import SentenceVectors
from agent.store.vectors import VectorIndex, Vectors


class Store:
    """One build, open for reading. Opening verifies every hash before any file is parsed.

    Raises:
        StoreMissing, StoreMismatch, StoreCorrupt: see `agent.errors`.
    """

    def __init__(self, folder: Path) -> None:
        self.manifest = self._open_current(folder)
        self.spanish = self.chunks.spanish()
        self._first_sentences = self.chunks.first_sentences()

    def sentences_of(self, chunk: int) -> range:
        """The ids of a chunk's sentences."""
        return range(int(self._first_sentences[chunk]), int(self._first_sentences[chunk + 1]))

    def question_vectors(self, questions: Sequence[str]) -> Vectors | None:
        """The vectors that its embedder has made of just these questions, shape (questions, dimension), if it has."""
        return read_question_vectors(self._build, questions)

    def close(self) -> None:
        """Close the files."""
        self.chunks.close()

    def _open_current(self, folder: Path) -> Manifest:
        """Open the current build; once more, if an ingest has switched to another and deleted it meanwhile."""
        while True:
            manifest = read_manifest(folder)
            try:
                verify_files(folder, manifest)
                self._open(folder / BUILDS / manifest.build, manifest)
            except (StoreCorrupt, OSError, RuntimeError, ValueError, sqlite3.Error) as error:
                if read_manifest(folder).build != manifest.build:
                    continue
                if isinstance(error, StoreCorrupt):
                    raise
                raise StoreCorrupt("A file of the store cannot be read; build it again.", detail=str(error)) from error
            return manifest

    def _open(self, build: Path, manifest: Manifest) -> None:
        self._build = build
        # faiss raises RuntimeError, numpy ValueError, where a file is gone or is not what its name says.
        self.vectors = VectorIndex(build / INDEX_FILE)
        self.sentence_vectors = SentenceVectors(build / SENTENCES_FILE)
        self.lexical = LexicalIndex(build / LEXICAL_FOLDER)
        promised = (manifest.chunks, manifest.dimension, manifest.index_type, manifest.sentences)
        found = (len(self.vectors), self.vectors.dimension, self.vectors.type, len(self.sentence_vectors))
        if promised != found:
            raise StoreCorrupt("The store's index does not match its manifest; build it again.")
        self.chunks = Chunks(build / CHUNKS_FILE)
