"""The database of documents, chunks and sentences."""

from pathlib import Path

import numpy as np
import pytest

from agent.store.chunks import Chunks, write_chunks
from agent.store.documents import ChunkSpan, Document

TEXT = "First page. Second sentence.\nThird, on page four."
CHUNKS = [
    ChunkSpan("Guide", 0, 28, 4, ((0, 11, "prose"), (12, 28, "prose"))),
    ChunkSpan("Guide > More", 12, 49, 6, ((12, 28, "prose"), (29, 49, "prose"))),
]


def document(source: str, **fields: object) -> Document:
    given = {"title": source, "language": "en", "format": "md", "sha256": "0" * 64, "text": TEXT} | fields
    return Document(source=source, **given)  # type: ignore[arg-type]


ANA = document(
    "a.md", title="Ana's", metadata={"author": ("Ana",), "tags": ("oak", "barrels")}, pages=((0, 1), (29, 4))
)
BOB = document("b.md", title="Bob", metadata={"author": ("Bob",), "tags": ("oak",)}, body_start=3)
EVE = document("es/c.md", language="es", metadata={"author": ("O'Hara; DROP TABLE chunks --",), "a b'\"": ("x",)})


@pytest.fixture
def chunks(tmp_path: Path) -> Chunks:
    path = tmp_path / "chunks.sqlite"
    digests = [bytes([number]) * 16 for number in range(6)]
    write_chunks(path, [(one, CHUNKS) for one in (ANA, BOB, EVE)], digests)
    return Chunks(path)


def test_documents_come_back_as_they_were_written(chunks: Chunks) -> None:
    """With metadata, pages and spans: an incremental build writes them again."""
    assert [(one, CHUNKS) for one in (ANA, BOB, EVE)] == list(chunks.documents())


def test_chunks_come_in_the_order_asked_for(chunks: Chunks) -> None:
    """Also when one is asked for twice, and when there are more than SQLite binds at once."""
    ids = [5, 0, 3, 0] * 500
    assert ids == [chunk.id for chunk in chunks.get(ids)]
    assert [] == chunks.get([])


def test_text_is_cut_at_the_offsets(chunks: Chunks) -> None:
    """`document[start:end]` is the text, of chunks and of sentences, and sentences are numbered through."""
    found = chunks.get(range(6))
    assert [TEXT[0:28], TEXT[12:49]] * 3 == [chunk.text for chunk in found]
    sentences = [sentence for chunk in found for sentence in chunk.sentences]
    assert [TEXT[sentence.start : sentence.end] for sentence in sentences] == [one.text for one in sentences]
    assert list(range(12)) == [sentence.id for sentence in sentences]
    assert np.array_equal([0, 2, 4, 6, 8, 10, 12], chunks.first_sentences())


def test_a_sentence_is_on_the_page_where_it_begins(chunks: Chunks) -> None:
    """Pages without text are no pages; a document without pages has none."""
    assert [[1, 1], [1, 4]] == [[sentence.page for sentence in chunk.sentences] for chunk in chunks.get([0, 1])]
    assert [1, None] == [chunk.page for chunk in chunks.get([1, 2])]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"source": "b.md"}, [2, 3]),
        ({"title": "Ana's"}, [0, 1]),
        ({"language": "es"}, [4, 5]),
        ({"format": "pdf"}, []),
        ({"author": "Ana"}, [0, 1]),
        ({"tags": "oak"}, [0, 1, 2, 3]),
        ({"tags": "barrels"}, [0, 1]),
        ({"tags": "oak", "author": "Bob"}, [2, 3]),
        ({"tags": "barrels", "author": "Bob"}, []),
        ({"author": "ana"}, []),
        ({"author": "O'Hara; DROP TABLE chunks --"}, [4, 5]),
        ({"author": "' OR 1=1 --"}, []),
        ({"a b'\"": "x"}, [4, 5]),
        ({"author": "\x00%_"}, []),
    ],
)
def test_filters_are_equalities_that_all_hold(chunks: Chunks, filters: dict[str, str], expected: list[int]) -> None:
    """Of columns and of metadata, with one value or several; whatever is in them is only ever compared."""
    assert expected == chunks.matching(filters)


def test_fields_are_those_of_every_document_and_of_any(chunks: Chunks) -> None:
    """What may be filtered by."""
    assert {"source", "title", "language", "format", "author", "tags", "a b'\""} == chunks.fields


def test_what_is_known_of_all_chunks(chunks: Chunks) -> None:
    """Language, digests, titles and whole texts."""
    assert [False] * 4 + [True] * 2 == chunks.spanish().tolist()
    assert [bytes([number]) * 16 for number in range(6)] == chunks.digests()
    assert [("Ana's", "en"), ("Bob", "en"), ("es/c.md", "es")] == chunks.titles()
    assert (TEXT, None) == (chunks.text_of("b.md"), chunks.text_of("none.md"))
