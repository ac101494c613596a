"""Cutting documents into chunks."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ingest.builder import ChunkSizes, cut, passage_of
from agent.retrieval.hashing_embedder import HashingEmbedder
from agent.store.documents import ChunkSpan, Document
from agent.text.blocks import split_blocks
from agent.text.sentences import Kind, split_units

EMBEDDER = HashingEmbedder()


def document(text: str, body_start: int = 0) -> Document:
    return Document("a.md", "A", "en", "md", "0" * 64, text, body_start=body_start)


def chunks_of(text: str, tokens: int, overlap: int, body_start: int = 0) -> list[ChunkSpan]:
    ((_, chunks),) = cut([document(text, body_start)], EMBEDDER, ChunkSizes(tokens, overlap))
    return list(chunks)


def tokens_of(text: str, start: int, end: int) -> int:
    return len(text[start:end].split())


WORDS = st.sampled_from(
    ["Oak", "wine ", "a. B", "\n", "\n\n", "# Head\n", "## Sub\n", "- item\n", "| row | x |\n", "```\n"]
)
MARKUP = st.lists(WORDS | st.text(max_size=12), max_size=60).map("".join)
SIZES = st.tuples(st.integers(1, 20), st.integers(0, 12))


@given(text=MARKUP, sizes=SIZES, begin=st.integers(0, 40))
def test_every_sentence_is_in_a_chunk_once_beside_the_overlap(text: str, sizes: tuple[int, int], begin: int) -> None:
    """Chunks tile the document in order: new sentences follow on, and the others repeat the chunk before."""
    begin = min(begin, len(text))
    units = [(span.start, span.end, span.kind.value) for span in split_units(text, begin) if span.kind != Kind.HEADING]
    tiled: list[tuple[int, int, str]] = []
    for chunk in chunks_of(text, *sizes, body_start=begin):
        known = [sentence for sentence in chunk.sentences if sentence in tiled]
        assert tiled[len(tiled) - len(known) :] == known == list(chunk.sentences[: len(known)])
        assert len(known) < len(chunk.sentences)
        tiled.extend(chunk.sentences[len(known) :])
    assert units == tiled


@given(text=MARKUP, sizes=SIZES)
def test_a_chunk_is_no_larger_than_allowed(text: str, sizes: tuple[int, int]) -> None:
    """Unless it is one single sentence that is longer; its count of tokens is that of its sentences."""
    for chunk in chunks_of(text, *sizes):
        tokens = sum(tokens_of(text, start, end) for start, end, _kind in chunk.sentences)
        assert tokens == chunk.tokens
        assert tokens <= sizes[0] or len(chunk.sentences) == 1


@given(text=MARKUP, sizes=SIZES)
def test_neighbours_share_no_more_than_the_overlap_and_only_in_a_block(text: str, sizes: tuple[int, int]) -> None:
    """Only a block that is larger than a chunk is cut; nothing is carried over from one block to the next."""
    blocks = list(split_blocks(text))
    for one, two in itertools.pairwise(chunks_of(text, *sizes)):
        shared = [sentence for sentence in two.sentences if sentence in one.sentences]
        assert sum(tokens_of(text, start, end) for start, end, _kind in shared) <= sizes[1]
        if shared:
            (block,) = (block for block in blocks if block.start <= shared[0][0] < block.end)
            assert sum(tokens_of(text, unit.start, unit.end) for unit in block.units) > sizes[0]
            assert block.start <= one.start < two.end <= block.end


@given(text=MARKUP, sizes=SIZES)
def test_a_block_that_fits_a_chunk_is_whole_in_one(text: str, sizes: tuple[int, int]) -> None:
    """No list, table or paragraph is cut for want of room; and no chunk reaches over a heading."""
    chunks = chunks_of(text, *sizes)
    for block in split_blocks(text):
        if sum(tokens_of(text, unit.start, unit.end) for unit in block.units) <= sizes[0]:
            units = [(unit.start, unit.end, unit.kind.value) for unit in block.units]
            assert 1 == sum(set(units) <= set(chunk.sentences) for chunk in chunks)
    headings = [span.start for span in split_units(text) if span.kind is Kind.HEADING]
    assert not any(chunk.start < heading < chunk.end for chunk in chunks for heading in headings)


@given(text=MARKUP, sizes=SIZES)
def test_a_chunk_spans_its_sentences_exactly(text: str, sizes: tuple[int, int]) -> None:
    """No white space at either end, and no sentence is empty."""
    for chunk in chunks_of(text, *sizes):
        assert (chunk.sentences[0][0], chunk.sentences[-1][1]) == (chunk.start, chunk.end)
        assert text[chunk.start : chunk.end] == text[chunk.start : chunk.end].strip() != ""
        assert all(text[start:end].strip() for start, end, _kind in chunk.sentences)


def test_chunks_are_under_their_heading_path() -> None:
    """A deeper heading is added, one of the same level takes the place of the last."""
    text = "Before.\n\n# Guide\n\nOne.\n\n### Deep\n\nTwo.\n\n## Settings ##\n\nThree.\n\n# Other\n\nFour.\n"
    found = [(chunk.heading, text[chunk.start : chunk.end]) for chunk in chunks_of(text, 50, 10)]
    assert [
        ("", "Before."),
        ("Guide", "One."),
        ("Guide > Deep", "Two."),
        ("Guide > Settings", "Three."),
        ("Other", "Four."),
    ] == found


@pytest.mark.parametrize(
    ("overlap", "expected"), [(0, ["A b. C d.", "E f. G h."]), (2, ["A b. C d.", "C d. E f.", "E f. G h."])]
)
def test_neighbours_share_whole_sentences(overlap: int, expected: list[str]) -> None:
    """As many as fit."""
    text = "A b. C d. E f. G h."
    assert expected == [text[chunk.start : chunk.end] for chunk in chunks_of(text, 4, overlap)]


def test_blocks_are_packed_while_they_fit() -> None:
    """In their order, and never one behind another that did not fit."""
    text = "A b c.\n\nIt has:\n\n- d\n- e\n\nF g h i.\n\nJ.\n"
    assert ["A b c.", "It has:\n\n- d\n- e", "F g h i.\n\nJ."] == [
        text[chunk.start : chunk.end] for chunk in chunks_of(text, 5, 3)
    ]


def test_a_long_sentence_is_a_chunk_of_its_own() -> None:
    """It is never cut, and it takes no overlap with it."""
    text = "Short one. " + "Word " + "word " * 30 + "end. Short two."
    assert ["Short one.", "Word " + "word " * 30 + "end.", "Short two."] == [
        text[chunk.start : chunk.end] for chunk in chunks_of(text, 10, 5)
    ]


@pytest.mark.parametrize(
    ("title", "date", "heading", "head"),
    [
        ("Guide", None, "Guide > Settings", "Guide > Settings"),
        ("Guide", "2026-11-24", "Guide > Settings", "Guide (2026-11-24) > Settings"),
        ("Report 2026-11-24", "2026-11-24", "Sales", "Report 2026-11-24 > Sales"),
        ("Report", "2026-11-24", "", "Report (2026-11-24)"),
        ("Guide", None, "Guidelines", "Guide > Guidelines"),
    ],
)
def test_a_chunk_is_embedded_under_title_date_and_headings(
    title: str, date: str | None, heading: str, head: str
) -> None:
    """A year or a name often stands nowhere else; nothing is said twice."""
    metadata = {"date": (date,)} if date else {}
    made = Document("a.md", title, "en", "md", "0" * 64, "Ten euros.", metadata=metadata)
    passage = passage_of(made, ChunkSpan(heading, 0, 10, 2, ((0, 10, "prose"),)))
    assert f"{head}\nTen euros." == passage.text
