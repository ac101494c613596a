"""A store, verified and open."""

from pathlib import Path

from agent.errors import StoreCorrupt
from agent.store.chunks import Chunks
from agent.store.lexical import LexicalIndex
from agent.store.manifest import BUILDS, Manifest, read_manifest, verify_files
from agent.store.sentence_vectors import SentenceVectors
from agent.store.vectors import VectorIndex

INDEX_FILE = "index.faiss"
SENTENCES_FILE = "sentences.npy"
CHUNKS_FILE = "chunks.sqlite"
LEXICAL_FOLDER = "bm25"


class Store:
    """One build, open for reading. Opening verifies every hash before any file is parsed.

    Raises:
        StoreMissing, StoreMismatch, StoreCorrupt: see `agent.errors`.
    """

    def __init__(self, folder: Path) -> None:
        self.manifest = _verified(folder)
        build = folder / BUILDS / self.manifest.build
        self.vectors = VectorIndex(build / INDEX_FILE)
        self.sentence_vectors = SentenceVectors(build / SENTENCES_FILE)
        self.lexical = LexicalIndex(build / LEXICAL_FOLDER)
        self.chunks = Chunks(build / CHUNKS_FILE)
        self.spanish = self.chunks.spanish()
        self._first_sentences = self.chunks.first_sentences()
        self._check()

    def sentences_of(self, chunk: int) -> range:
        """The ids of a chunk's sentences."""
        return range(int(self._first_sentences[chunk]), int(self._first_sentences[chunk + 1]))

    def close(self) -> None:
        """Close the files."""
        self.chunks.close()

    def _check(self) -> None:
        manifest = self.manifest
        promised = (manifest.chunks, manifest.dimension, manifest.index_type, manifest.sentences)
        found = (len(self.vectors), self.vectors.dimension, self.vectors.type, len(self.sentence_vectors))
        if promised != found:
            raise StoreCorrupt("The store's index does not match its manifest; build it again.")


def _verified(folder: Path) -> Manifest:
    """The manifest, with every file as it says. An ingest may switch builds and delete the old one meanwhile."""
    while True:
        manifest = read_manifest(folder)
        try:
            verify_files(folder, manifest)
        except StoreCorrupt:
            if read_manifest(folder).build == manifest.build:
                raise
        else:
            return manifest
