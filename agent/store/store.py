"""A store, verified and open."""

from pathlib import Path

from agent.errors import StoreCorrupt
from agent.store.chunks import Chunks
from agent.store.lexical import LexicalIndex
from agent.store.manifest import BUILDS, Manifest, read_manifest, verify_files
from agent.store.vectors import VectorIndex

INDEX_FILE = "index.faiss"
CHUNKS_FILE = "chunks.sqlite"
LEXICAL_FOLDER = "bm25"


class Store:
    """One build, open for reading. Opening verifies every hash before any file is parsed.

    Raises:
        StoreMissing, StoreMismatch, StoreCorrupt: see `agent.errors`.
    """

    def __init__(self, folder: Path) -> None:
        self.manifest: Manifest = read_manifest(folder)
        verify_files(folder, self.manifest)
        build = folder / BUILDS / self.manifest.build
        self.vectors = VectorIndex(build / INDEX_FILE)
        self.lexical = LexicalIndex(build / LEXICAL_FOLDER)
        self.chunks = Chunks(build / CHUNKS_FILE)
        if len(self.vectors) != self.manifest.chunks or self.vectors.dimension != self.manifest.dimension:
            raise StoreCorrupt("The store's index does not match its manifest; build it again.")

    def close(self) -> None:
        """Close the files."""
        self.chunks.close()
