"""Documents, chunks and sentences, in SQLite: texts are read from disk only for what was found."""

import bisect
import errno
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.schemas import Language
from agent.store.documents import Block, Chunk, ChunkSpan, Document, Sentence

# Every document has these; what a front matter or a file's properties bring comes on top.
FIXED_FIELDS = ("source", "title", "language", "format")

# A chunk's text is kept beside its document's: cutting it out of a long document would read the document up to there.
_SCHEMA = """
CREATE TABLE documents (id INTEGER PRIMARY KEY, source TEXT UNIQUE NOT NULL, title TEXT NOT NULL,
                        language TEXT NOT NULL, format TEXT NOT NULL, sha256 TEXT NOT NULL, text TEXT NOT NULL,
                        body_start INTEGER NOT NULL, date TEXT, author TEXT);
CREATE TABLE blocks (document INTEGER NOT NULL REFERENCES documents, kind TEXT NOT NULL, heading TEXT NOT NULL,
                     section INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
                     lead_end INTEGER NOT NULL);
CREATE TABLE pages (document INTEGER NOT NULL REFERENCES documents, start INTEGER NOT NULL, number INTEGER NOT NULL);
CREATE TABLE metadata (document INTEGER NOT NULL REFERENCES documents, field TEXT NOT NULL, value TEXT NOT NULL);
CREATE TABLE chunks (id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents, heading TEXT NOT NULL,
                     start INTEGER NOT NULL, "end" INTEGER NOT NULL, tokens INTEGER NOT NULL, digest BLOB NOT NULL,
                     text TEXT NOT NULL, line INTEGER, first_sentence INTEGER NOT NULL);
CREATE TABLE sentences (id INTEGER PRIMARY KEY, chunk INTEGER NOT NULL REFERENCES chunks, start INTEGER NOT NULL,
                        "end" INTEGER NOT NULL, kind TEXT NOT NULL);
CREATE INDEX pages_of_document ON pages (document);
CREATE INDEX metadata_by_value ON metadata (field, value);
CREATE INDEX blocks_of_document ON blocks (document, start);
CREATE INDEX chunks_of_document ON chunks (document, start);
CREATE INDEX sentences_of_chunk ON sentences (chunk);
"""
_SELECT_BLOCKS = """SELECT kind, heading, section, start, "end", lead_end FROM blocks
                    JOIN documents ON documents.id = document WHERE """
# SQLite takes at most so many bound values in one statement by default.
_MOST_VALUES = 900


def write_chunks(
    path: Path, documents: Iterable[tuple[Document, Sequence[ChunkSpan]]], digests: Iterable[bytes]
) -> None:
    """Create the database. Chunks and sentences are each numbered from 0 in the order they come in.

    `digests` name the content of each chunk, in the same order (see `agent.ingest.builder`).

    Raises:
        OSError: the file cannot be written.
    """
    try:
        with closing(sqlite3.connect(path)) as database, database:
            database.executescript(_SCHEMA)
            _write_all(database, documents, iter(digests))
    except sqlite3.OperationalError as error:
        raise OSError(errno.EIO, str(error), str(path)) from error


def _write_all(
    database: sqlite3.Connection, documents: Iterable[tuple[Document, Sequence[ChunkSpan]]], digests: Iterator[bytes]
) -> None:
    chunk_id = sentence_id = 0
    for place, (document, chunks) in enumerate(documents):
        _write_document(database, place, document)
        lines = _Lines(document)
        for chunk in chunks:
            text = document.text[chunk.start : chunk.end]
            row = (
                chunk_id, place, chunk.heading, chunk.start, chunk.end, chunk.tokens, next(digests), text,
                lines.at(chunk.start), sentence_id,
            )  # fmt: skip
            database.execute("INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            rows = [(sentence_id + at, chunk_id, *span) for at, span in enumerate(chunk.sentences)]
            database.executemany("INSERT INTO sentences VALUES (?, ?, ?, ?, ?)", rows)
            chunk_id, sentence_id = chunk_id + 1, sentence_id + len(rows)


class _Lines:
    """The numbers of a document's lines, from 1, for offsets that mostly ascend."""

    def __init__(self, document: Document) -> None:
        self._text = document.text if document.keeps_lines else None
        self._at, self._line = 0, 1

    def at(self, offset: int) -> int | None:
        """The line of this offset; None where the document has none."""
        if self._text is None:
            return None
        if offset < self._at:
            self._at, self._line = 0, 1
        self._line += self._text.count("\n", self._at, offset)
        self._at = offset
        return self._line


def _write_document(database: sqlite3.Connection, place: int, document: Document) -> None:
    row = (
        place, document.source, document.title, document.language, document.format, document.sha256, document.text,
        document.body_start, document.date, document.author,
    )  # fmt: skip
    database.execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    blocks = [(place, one.kind, one.heading, one.section, one.start, one.end, one.lead_end) for one in document.blocks]
    database.executemany("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)", blocks)
    database.executemany("INSERT INTO pages VALUES (?, ?, ?)", [(place, *page) for page in document.pages])
    values = [(place, field, value) for field, values in sorted(document.metadata.items()) for value in values]
    database.executemany("INSERT INTO metadata VALUES (?, ?, ?)", values)


class Chunks:
    """Read access. One connection, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        # immutable: nobody writes to a finished build, so no lock file is needed and a read-only disk serves.
        self._database = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )
        self._lock = threading.Lock()
        self._last_read = ("", "")
        named = self._query("SELECT DISTINCT field FROM metadata")
        self.fields = frozenset((*FIXED_FIELDS, *(row[0] for row in named)))

    def get(self, ids: Sequence[int]) -> list[Chunk]:
        """The chunks with these ids, in the same order."""
        found = {chunk.id: chunk for chunk in self._chunks(list(dict.fromkeys(ids)))}
        return [found[number] for number in ids]

    def matching(self, filters: dict[str, str]) -> list[int]:
        """Ids of the chunks whose document has every field equal to the filter's value, ascending.

        A field with several values (tags) matches when one of them is equal. Fields must be of `fields`.
        """
        assert set(filters) <= self.fields
        values: list[str] = []
        conditions = []
        for field, value in filters.items():
            if field in FIXED_FIELDS:
                conditions.append(f"documents.{field} = ?")
                values.append(value)
            else:
                conditions.append("documents.id IN (SELECT document FROM metadata WHERE field = ? AND value = ?)")
                values.extend((field, value))
        where = " AND ".join(conditions) or "1"
        # Only names from FIXED_FIELDS are written into the statement; everything of the caller's is bound.
        query = f"SELECT chunks.id FROM chunks JOIN documents ON documents.id = document WHERE {where} ORDER BY 1"  # noqa: S608
        return [row[0] for row in self._query(query, *values)]

    def spanish(self) -> NDArray[np.bool_]:
        """Whether each chunk's document is in Spanish, shape (chunks,)."""
        # The chunks are numbered in the order of their documents, so their index tells, without their texts.
        counts = """SELECT documents.language = 'es', count(*) FROM chunks JOIN documents ON documents.id = document
                    GROUP BY document ORDER BY document"""
        rows = np.asarray(self._query(counts), dtype=np.int64).reshape(-1, 2)
        return np.repeat(rows[:, 0].astype(np.bool_), rows[:, 1])

    def titles(self) -> list[tuple[str, Language]]:
        """Title and language of every document, in the order of their sources."""
        rows = self._query("SELECT title, language FROM documents ORDER BY id")
        return [(title, language) for title, language in rows]

    def text_of(self, source: str) -> str | None:
        """A document's whole text, as ingested."""
        rows = self._query("SELECT text FROM documents WHERE source = ?", source)
        return rows[0][0] if rows else None

    def blocks(self, source: str, start: int, end: int) -> list[Block]:
        """The blocks of a document that have a part in `[start, end)`, in order."""
        query = f'{_SELECT_BLOCKS} source = ? AND start < ? AND "end" > ? ORDER BY start'
        return [Block(*row) for row in self._query(query, source, end, start)]

    def section(self, source: str, at: int) -> list[Block]:
        """The blocks under the heading that offset `at` of a document stands under, in order."""
        query = f"""{_SELECT_BLOCKS} source = ?1 AND section = (SELECT section FROM blocks
                   JOIN documents ON documents.id = document WHERE source = ?1 AND start <= ?2
                   ORDER BY start DESC LIMIT 1) ORDER BY start"""  # noqa: S608 - made of constants
        return [Block(*row) for row in self._query(query, source, at)]

    def text_between(self, source: str, start: int, end: int) -> str:
        """`document[start:end]`."""
        read, text = self._last_read
        if read != source:
            # SQLite reads all of a text for each part of it, and counts its characters up to there.
            text = self.text_of(source) or ""
            self._last_read = (source, text)
        return text[start:end]

    def overlapping(self, source: str, start: int, end: int) -> list[Chunk]:
        """The chunks of a document that have a part in `[start, end)`, in order."""
        query = """SELECT chunks.id FROM chunks JOIN documents ON documents.id = document
                   WHERE source = ? AND start < ? AND "end" > ? ORDER BY chunks.id"""
        return self.get([row[0] for row in self._query(query, source, end, start)])

    def digests(self) -> list[bytes]:
        """What names the content of each chunk, by id."""
        return [row[0] for row in self._query("SELECT digest FROM chunks ORDER BY id")]

    def first_sentences(self) -> NDArray[np.int64]:
        """Where each chunk's sentences begin among all, shape (chunks + 1,); the last entry is how many there are."""
        rows = self._query("SELECT first_sentence FROM chunks ORDER BY id")
        # They are numbered from 0; counting them would read them all.
        ((count,),) = self._query("SELECT coalesce(max(id) + 1, 0) FROM sentences")
        return np.asarray([*(row[0] for row in rows), count], dtype=np.int64)

    def documents(self) -> Iterator[tuple[Document, list[ChunkSpan]]]:
        """Every document with its chunks, as they were written."""
        query = "SELECT id, source, title, language, format, sha256, text, body_start FROM documents ORDER BY id"
        for number, source, title, language, form, sha256, text, body_start in self._query(query):
            pages = tuple(self._pages(number))
            metadata: dict[str, tuple[str, ...]] = {}
            for field, value in self._query("SELECT field, value FROM metadata WHERE document = ?", number):
                metadata[field] = (*metadata.get(field, ()), value)
            blocks = tuple(self._blocks(number))
            document = Document(source, title, language, form, sha256, text, pages, metadata, body_start, blocks)
            yield document, self._chunk_spans(number)

    def close(self) -> None:
        """Close the file; a query that runs in another thread ends first, for SQLite would crash under it."""
        with self._lock:
            self._database.close()

    def _blocks(self, document: int) -> list[Block]:
        query = f"{_SELECT_BLOCKS} document = ? ORDER BY start"
        return [Block(*row) for row in self._query(query, document)]

    def _chunk_spans(self, document: int) -> list[ChunkSpan]:
        query = 'SELECT id, heading, start, "end", tokens FROM chunks WHERE document = ? ORDER BY id'
        sentences = 'SELECT start, "end", kind FROM sentences WHERE chunk = ? ORDER BY id'
        return [
            ChunkSpan(heading, start, end, tokens, tuple(self._query(sentences, number)))
            for number, heading, start, end, tokens in self._query(query, document)
        ]

    def _chunks(self, ids: list[int]) -> Iterator[Chunk]:
        for at in range(0, len(ids), _MOST_VALUES):
            some = ids[at : at + _MOST_VALUES]
            marks = ",".join("?" * len(some))
            sentences: dict[int, list[tuple[Any, ...]]] = {number: [] for number in some}
            query = f'SELECT chunk, id, start, "end", kind FROM sentences WHERE chunk IN ({marks}) ORDER BY id'  # noqa: S608
            for chunk, *span in self._query(query, *some):
                sentences[chunk].append(tuple(span))
            query = f"""SELECT document, chunks.id, source, title, language, heading, start, "end", chunks.text, line,
                        date FROM chunks JOIN documents ON documents.id = document WHERE chunks.id IN ({marks})"""  # noqa: S608
            for document, *row in self._query(query, *some):
                yield self._chunk(tuple(row), sentences[row[0]], self._pages(document))

    def _pages(self, document: int) -> list[tuple[int, int]]:
        return self._query("SELECT start, number FROM pages WHERE document = ? ORDER BY start", document)

    @staticmethod
    def _chunk(row: tuple[Any, ...], spans: list[tuple[Any, ...]], pages: list[tuple[int, int]]) -> Chunk:
        number, source, title, language, heading, start, end, text, line, date = row
        sentences = tuple(
            Sentence(
                at, a, b, text[a - start : b - start], kind, _page_at(pages, a),
                None if line is None else line + text.count("\n", 0, a - start),
            )
            for at, a, b, kind in spans
        )  # fmt: skip
        return Chunk(number, source, title, language, heading, start, end, text, sentences, date)

    def _query(self, query: str, *values: str | int) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._database.execute(query, values).fetchall()


def _page_at(pages: list[tuple[int, int]], offset: int) -> int | None:
    place = bisect.bisect_right(pages, offset, key=lambda page: page[0])
    return pages[place - 1][1] if place else None
