"""Documents, chunks and sentences, in SQLite: texts are read from disk only for what was found."""

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.schemas import Language

FILTER_FIELDS = ("source", "title", "language")

_SCHEMA = """
CREATE TABLE documents (id INTEGER PRIMARY KEY, source TEXT UNIQUE NOT NULL, title TEXT NOT NULL,
                        language TEXT NOT NULL, sha256 TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE chunks (id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents, heading TEXT NOT NULL,
                     start INTEGER NOT NULL, "end" INTEGER NOT NULL, tokens INTEGER NOT NULL);
CREATE TABLE sentences (chunk INTEGER NOT NULL REFERENCES chunks, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
                        kind TEXT NOT NULL, PRIMARY KEY (chunk, start)) WITHOUT ROWID;
CREATE INDEX chunks_of_document ON chunks (document);
"""


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was ingested. `source` is its path inside the ingested folder."""

    source: str
    title: str
    language: Language
    sha256: str
    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence or other unit, at `document[start:end] == text`. `kind` as in `agent.text.sentences.Kind`."""

    start: int
    end: int
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is embedded and found: `document[start:end] == text`. `id` is its row in both indexes."""

    id: int
    source: str
    title: str
    language: Language
    heading: str
    start: int
    end: int
    text: str
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class ChunkSpan:
    """A chunk to be written: offsets into its document, its heading path, its length and its sentences' spans."""

    heading: str
    start: int
    end: int
    tokens: int
    sentences: tuple[tuple[int, int, str], ...]


def write_chunks(path: Path, documents: Iterable[tuple[Document, Sequence[ChunkSpan]]]) -> None:
    """Create the database. Chunks are numbered from 0 in the order they come in."""
    number = 0
    with sqlite3.connect(path) as database:
        database.executescript(_SCHEMA)
        for place, (document, chunks) in enumerate(documents):
            database.execute(
                "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?)",
                (place, document.source, document.title, document.language, document.sha256, document.text),
            )
            for chunk in chunks:
                database.execute(
                    "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?)",
                    (number, place, chunk.heading, chunk.start, chunk.end, chunk.tokens),
                )
                database.executemany(
                    "INSERT INTO sentences VALUES (?, ?, ?, ?)", [(number, *span) for span in chunk.sentences]
                )
                number += 1
    database.close()


class Chunks:
    """Read access. One connection, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        # immutable: nobody writes to a finished build, so no lock file is needed and a read-only disk serves.
        self._database = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )
        self._lock = threading.Lock()

    def get(self, ids: Sequence[int]) -> list[Chunk]:
        """The chunks with these ids, in the same order."""
        return [self._one(number) for number in ids]

    def matching(self, filters: dict[str, str]) -> list[int]:
        """Ids of the chunks whose document has every field equal to the filter's value, ascending.

        Fields must be of `FILTER_FIELDS`.
        """
        assert set(filters) <= set(FILTER_FIELDS)
        where = " AND ".join(f"documents.{field} = ?" for field in filters) or "1"
        # The field names come from FILTER_FIELDS, the values are bound.
        query = f"SELECT chunks.id FROM chunks JOIN documents ON documents.id = document WHERE {where} ORDER BY 1"  # noqa: S608
        return [row[0] for row in self._query(query, *filters.values())]

    def text_of(self, source: str) -> str | None:
        """A document's whole text, as ingested."""
        rows = self._query("SELECT text FROM documents WHERE source = ?", source)
        return rows[0][0] if rows else None

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _one(self, number: int) -> Chunk:
        query = """SELECT source, title, language, heading, start, "end", substr(text, start + 1, "end" - start)
                   FROM chunks JOIN documents ON documents.id = document WHERE chunks.id = ?"""
        ((source, title, language, heading, start, end, text),) = self._query(query, number)
        spans = self._query('SELECT start, "end", kind FROM sentences WHERE chunk = ? ORDER BY start', number)
        sentences = tuple(Sentence(a, b, text[a - start : b - start], kind) for a, b, kind in spans)
        return Chunk(number, source, title, language, heading, start, end, text, sentences)

    def _query(self, query: str, *values: str | int) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._database.execute(query, values).fetchall()
