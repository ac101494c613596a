"""The database of documents, chunks and sentences."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.store.chunks import Chunks, write_chunks
from agent.store.documents import Block, ChunkSpan, Document

TEXT = "First page. Second sentence.\nThird, on page four."
CHUNKS = [
    ChunkSpan("Guide", 0, 28, 4, ((0, 11, "prose"), (12, 28, "prose"))),
    ChunkSpan("Guide > More", 12, 49, 6, ((12, 28, "prose"), (29, 49, "prose"))),
]


def document(source: str, **fields: object) -> Document:
    given = {"title": source, "language": "en", "format": "md", "sha256": "0" * 64, "text": TEXT} | fields
    return Document(source=source, **given)  # type: ignore[arg-type]


BLOCKS = (
    Block("paragraph", "Guide", 1, 0, 28, 0),
    Block("list", "Guide > More", 2, 29, 35, 33),
    Block("code", "Guide > More", 2, 36, 49, 36),
)
ANA = document(
    "a.md",
    title="Ana's",
    metadata={"author": ("Ana", "Eve"), "date": ("2026-11-24",), "tags": ("oak", "barrels")},
    pages=((0, 1), (29, 4)),
    blocks=BLOCKS,
)
BOB = document("b.md", title="Bob", metadata={"author": ("Bob",), "tags": ("oak",)}, body_start=3, blocks=BLOCKS[:1])
EVE = document("es/c.md", language="es", metadata={"author": ("O'Hara; DROP TABLE chunks --",), "a b'\"": ("x",)})


@pytest.fixture
def chunks(tmp_path: Path) -> Chunks:
    path = tmp_path / "chunks.sqlite"
    digests = [bytes([number]) * 16 for number in range(6)]
    write_chunks(path, [(one, CHUNKS) for one in (ANA, BOB, EVE)], digests)
    return Chunks(path)


def test_documents_come_back_as_they_were_written(chunks: Chunks) -> None:
    """With metadata, blocks, pages and spans: an incremental build writes them again."""
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
    assert {"source", "title", "language", "format", "author", "date", "tags", "a b'\""} == chunks.fields


def test_what_is_known_of_all_chunks(chunks: Chunks) -> None:
    """Language, digests, titles and whole texts."""
    assert [False] * 4 + [True] * 2 == chunks.spanish().tolist()
    assert [bytes([number]) * 16 for number in range(6)] == chunks.digests()
    assert [("Ana's", "en"), ("Bob", "en"), ("es/c.md", "es")] == chunks.titles()
    assert (TEXT, None) == (chunks.text_of("b.md"), chunks.text_of("none.md"))


def test_the_blocks_of_a_stretch_are_those_that_have_a_part_of_it(chunks: Chunks) -> None:
    """In order, of this document only; one that ends where the stretch begins has none."""
    assert list(BLOCKS) == chunks.blocks("a.md", 0, 49)
    assert [BLOCKS[1]] == chunks.blocks("a.md", 28, 36) == chunks.blocks("a.md", 34, 35)
    assert [BLOCKS[0]] == chunks.blocks("b.md", 0, 49)
    assert [] == chunks.blocks("a.md", 28, 29) == chunks.blocks("es/c.md", 0, 49) == chunks.blocks("none.md", 0, 49)


def test_a_section_is_all_that_stands_under_one_heading(chunks: Chunks) -> None:
    """Wherever in it the offset is; the blocks of other sections and documents are left out."""
    assert [BLOCKS[0]] == chunks.section("a.md", 0) == chunks.section("a.md", 27) == chunks.section("b.md", 40)
    assert list(BLOCKS[1:]) == chunks.section("a.md", 29) == chunks.section("a.md", 48)
    assert [] == chunks.section("none.md", 0)


def test_the_chunks_of_a_stretch_are_those_that_have_a_part_of_it(chunks: Chunks) -> None:
    """Those that overlap as well; in order, of this document only."""
    assert [0, 1] == [chunk.id for chunk in chunks.overlapping("a.md", 12, 28)]
    assert [2] == [chunk.id for chunk in chunks.overlapping("b.md", 0, 12)]
    assert [] == chunks.overlapping("b.md", 49, 60) == chunks.overlapping("none.md", 0, 49)


@given(text=st.text(min_size=1, max_size=60), ends=st.tuples(st.integers(0, 60), st.integers(0, 60)))
def test_a_part_of_a_text_is_cut_by_characters(
    tmp_path_factory: pytest.TempPathFactory, text: str, ends: tuple[int, int]
) -> None:
    """Whatever is in it, also a character that SQLite takes for its end, and of whichever document."""
    path = tmp_path_factory.mktemp("store") / "chunks.sqlite"
    write_chunks(path, [(document("a.md", text=text), []), (document("b.md"), [])], [])
    opened = Chunks(path)
    start, end = sorted(ends)
    for source, whole in (("a.md", text), ("b.md", TEXT), ("a.md", text), ("none.md", "")):
        assert whole[start:end] == opened.text_between(source, start, end)
    opened.close()


def test_a_date_and_authors_are_taken_from_the_metadata(chunks: Chunks) -> None:
    """Of several fields with a date the one that tells most; every chunk has its document's."""
    ana, bob, _eve = (one for one, _chunks in chunks.documents())
    assert ("2026-11-24", "Ana, Eve") == (ana.date, ana.author)
    assert (None, "Bob") == (bob.date, bob.author)
    several = {"created": ("2001",), "fecha": ("3 de mayo de 2020",), "autor": ("",), "authors": ("Ana",)}
    assert ("3 de mayo de 2020", "Ana") == (
        document("d.md", metadata=several).date,
        document("d.md", metadata=several).author,
    )
    assert ["2026-11-24", None] == [chunk.date for chunk in chunks.get([0, 2])]
