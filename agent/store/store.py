"""A store, verified and open."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from agent.load_errors import StoreCorrupt
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
    verify_hashes,
)
from agent.store.question_vectors import read_question_vectors
from agent.store.sentence_vectors import SentenceVectors
from agent.store.vectors import VectorIndex, Vectors

_GONE = "A file of the store cannot be read; build it again."
_OTHER = "The store's index does not match its manifest; build it again."


class Store:
    """One build, open for reading. Each file's hash is verified before it is parsed.

    Args:
        folder: the store's.
        sentences_later: leave the sentences' vectors, half of all bytes, to `open_sentences`, which must have been
            called when the first question is asked. Else everything is verified and open.

    Raises:
        StoreMissing, StoreMismatch, StoreCorrupt: see `agent.load_errors`.
    """

    def __init__(self, folder: Path, *, sentences_later: bool = False) -> None:
        self._folder = folder
        self.manifest = self._open_current({SENTENCES_FILE} if sentences_later else set())
        self.spanish = self.chunks.spanish()

    def open_sentences(self) -> None:
        """What `sentences_later` has left out.

        Raises:
            StoreCorrupt: see `agent.load_errors`.
        """
        try:
            listed = [entry for entry in self.manifest.files if Path(entry.path).name == SENTENCES_FILE]
            verify_hashes(self._folder, listed)
            self._open_sentences(self.manifest)
        except (OSError, ValueError) as error:
            raise StoreCorrupt(_GONE, detail=str(error)) from error

    def sentences_of(self, chunk: int) -> range:
        """The ids of a chunk's sentences."""
        return range(int(self._first_sentences[chunk]), int(self._first_sentences[chunk + 1]))

    def question_vectors(self, questions: Sequence[str]) -> Vectors | None:
        """The vectors that its embedder has made of just these questions, shape (questions, dimension), if it has."""
        return read_question_vectors(self._build, questions)

    def close(self) -> None:
        """Close the files."""
        self.chunks.close()

    def _open_current(self, later: set[str]) -> Manifest:
        """Open the current build; once more, if an ingest has switched to another and deleted it meanwhile."""
        folder = self._folder
        while True:
            manifest = read_manifest(folder)
            try:
                verify_files(folder, manifest, later)
                self._open(folder / BUILDS / manifest.build, manifest)
                if SENTENCES_FILE not in later:
                    self._open_sentences(manifest)
            except (StoreCorrupt, OSError, RuntimeError, ValueError, sqlite3.Error) as error:
                if read_manifest(folder).build != manifest.build:
                    continue
                if isinstance(error, StoreCorrupt):
                    raise
                raise StoreCorrupt(_GONE, detail=str(error)) from error
            return manifest

    def _open(self, build: Path, manifest: Manifest) -> None:
        self._build = build
        # faiss raises RuntimeError, numpy ValueError, where a file is gone or is not what its name says.
        self.vectors = VectorIndex(build / INDEX_FILE)
        self.lexical = LexicalIndex(build / LEXICAL_FOLDER)
        promised = (manifest.chunks, manifest.dimension, manifest.index_type)
        if promised != (len(self.vectors), self.vectors.dimension, self.vectors.type):
            raise StoreCorrupt(_OTHER)
        self.chunks = Chunks(build / CHUNKS_FILE)

    def _open_sentences(self, manifest: Manifest) -> None:
        self.sentence_vectors = SentenceVectors(self._build / SENTENCES_FILE)
        self._first_sentences = self.chunks.first_sentences()
        if len(self.sentence_vectors) != manifest.sentences:
            raise StoreCorrupt(_OTHER)
