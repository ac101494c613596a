"""manifest.json: what a store is made of, and the proof that its files are what was built.

    rag_store/
      manifest.json            the only file that is ever replaced, by one rename
      builds/<build id>/       index.faiss, sentences.npy, questions-*.npy, chunks.sqlite, bm25/*; never changed once
                               written
      embedding.journal        only while a build runs: the vectors it has made so far
      .lock                    held while a build runs

A reader therefore sees one whole build or the one before it, never a mixture, whenever a build is interrupted.
"""

import hashlib
import json
import os
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.load_errors import StoreCorrupt, StoreMismatch, StoreMissing
from agent.store.question_vectors import PREFIX as QUESTIONS

SCHEMA_VERSION = 5
FILE_NAME = "manifest.json"
_SEAL = "sha256"
UNFINISHED_NAME = f".{FILE_NAME}.new"
BUILDS = "builds"
INDEX_FILE = "index.faiss"
SENTENCES_FILE = "sentences.npy"
CHUNKS_FILE = "chunks.sqlite"
LEXICAL_FOLDER = "bm25"
# The embedder and the texts decide the vectors, but for a last bit that depends on which texts shared a batch.
_VECTOR_FILES = frozenset((INDEX_FILE, SENTENCES_FILE))
_ALTERED = "A file of the store was altered; build it again."
# Hashing leaves the interpreter to others.
_HASHERS = 4


class StoredFile(BaseModel):
    """One file of the build, by its path inside the store."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    size: int
    sha256: str


class Manifest(BaseModel):
    """What was built, from what, with what. `sources` maps each document's source to the SHA-256 of its file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[5] = 5
    build: str
    built_at: str
    embedder: str
    embedder_fingerprint: str
    dimension: int
    metric: Literal["inner_product"] = "inner_product"
    index_type: Literal["flat", "hnsw"]
    chunk_tokens: int
    chunk_overlap_tokens: int
    documents: int
    blocks: int
    chunks: int
    sentences: int
    sources: dict[str, str]
    files: list[StoredFile]

    @property
    def index_id(self) -> str:
        """Twelve hex digits that name exactly this content, however the build came about."""
        content = self.model_dump(exclude={"built_at", "build", "files"})
        content["files"] = sorted(file.sha256 for file in self.files if not _holds_vectors(Path(file.path).name))
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _holds_vectors(name: str) -> bool:
    return name in _VECTOR_FILES or name.startswith(QUESTIONS)


def sealed(content: dict[str, Any]) -> str:
    """A manifest's text, with the SHA-256 of all else in it: a byte that has changed is seen, not a purpose."""
    plain = json.dumps(content, indent=2)
    return json.dumps(content | {_SEAL: hashlib.sha256(plain.encode()).hexdigest()}, indent=2) + "\n"


def sha256_of(path: Path) -> str:
    """Hash of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(store: Path) -> Manifest:
    """The manifest of the store's current build.

    Raises:
        StoreMissing: there is no manifest.
        StoreMismatch: it was written by another version of Askpod.
        StoreCorrupt: it is not a manifest.
    """
    try:
        text = (store / FILE_NAME).read_bytes().decode("utf-8")
        content = json.loads(text)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreMissing("There is no store where RAG_STORE says.", detail=str(error)) from error
    except (OSError, ValueError) as error:
        raise StoreCorrupt("The store's manifest cannot be read.", detail=str(error)) from error
    if isinstance(content, dict) and content.get("schema_version") != SCHEMA_VERSION:
        raise StoreMismatch("The store of RAG_STORE was built by another version of Askpod.")
    if not isinstance(content, dict) or text != sealed({k: v for k, v in content.items() if k != _SEAL}):
        raise StoreCorrupt("The manifest of the store was altered.")
    del content[_SEAL]
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        raise StoreCorrupt("The store's manifest is not valid.", detail=str(error)) from error


def write_manifest(store: Path, manifest: Manifest) -> None:
    """Make `manifest` the store's current one, in one step."""
    temporary = store / UNFINISHED_NAME
    with temporary.open("w", encoding="utf-8") as file:
        file.write(sealed(manifest.model_dump(mode="json")))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(store / FILE_NAME)


def verify_files(store: Path, manifest: Manifest, later: Collection[str] = ()) -> None:
    """Compare every file with the manifest, before any of them is parsed; the hashes of those named in `later` are left
    to `verify_hashes`.

    Raises:
        StoreCorrupt: a file is missing, is not a plain file inside the store, or differs.
    """
    root = store.resolve()
    listed = {entry.path for entry in manifest.files}
    for name in (INDEX_FILE, SENTENCES_FILE, CHUNKS_FILE):
        if f"{BUILDS}/{manifest.build}/{name}" not in listed:
            raise StoreCorrupt("A file of the store is not in its manifest; build it again.", detail=name)
    for entry in manifest.files:
        path = store / entry.path
        if path.is_symlink() or not path.resolve().is_relative_to(root) or not path.is_file():
            raise StoreCorrupt("A file of the store is missing; build it again.", detail=path.name)
        if path.stat().st_size != entry.size:
            raise StoreCorrupt(_ALTERED, detail=path.name)
    verify_hashes(store, [entry for entry in manifest.files if Path(entry.path).name not in later])


def verify_hashes(store: Path, files: Sequence[StoredFile]) -> None:
    """Compare the contents of these files with the manifest.

    Raises:
        StoreCorrupt: one differs.
        OSError: one cannot be read.
    """
    with ThreadPoolExecutor(_HASHERS, "askpod-verify") as threads:
        hashes = threads.map(lambda entry: sha256_of(store / entry.path), files)
        for entry, found in zip(files, hashes, strict=True):
            if found != entry.sha256:
                raise StoreCorrupt(_ALTERED, detail=Path(entry.path).name)
