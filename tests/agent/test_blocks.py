"""The blocks of a document: lists, procedures, tables, code, questions with their answers, paragraphs."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.text.blocks import BlockKind, TextBlock, split_blocks
from agent.text.sentences import Kind, split_units

LINES = st.sampled_from(
    [
        "Oak is hard. Pine is soft.\n", "It has two parts:\n", "What is it?\n", "Q: How old?\n", "\n", "\n\n", "  \n",
        "# Head\n", "## Sub\n", "#### Deep\n", "- item\n", "* star: \n", "  - nested\n", "   set in\n", "1. one\n",
        "2) two\n", "   3. deep\n", "12. twelve\n", "a) letter\n", "| row | x |\n", "|---|:-:|\n", "  | set | in |\n",
        "```\n", "```sh\n", "  ```\n", "~~~\n", "````\n", "x = 1\n", "---\n", "**Bold:**\n", "> quote\n",
    ]
)  # fmt: skip
MARKUP = st.lists(LINES | st.text(max_size=12), max_size=40).map("".join)


def blocks_of(text: str) -> list[tuple[str, str, str]]:
    """Kind, text and lead of each block."""
    return [
        (block.kind.value, text[block.start : block.end], text[block.start : block.lead_end])
        for block in split_blocks(text)
    ]


@given(text=MARKUP, begin=st.integers(0, 30))
def test_blocks_cover_every_unit_but_headings_in_order(text: str, begin: int) -> None:
    """Each unit is in one block, blocks do not overlap, and none reaches before the offset."""
    begin = min(begin, len(text))
    blocks = list(split_blocks(text, begin))
    units = [span for span in split_units(text, begin) if span.kind is not Kind.HEADING]
    assert units == [unit for block in blocks for unit in block.units]
    assert all(one.end <= two.start for one, two in itertools.pairwise(blocks))
    for block in blocks:
        assert begin <= block.start <= block.units[0].start
        assert block.units[-1].end <= block.end <= len(text)
        assert block.start <= block.lead_end < block.end
        assert 0 <= block.lead < len(block.units)


@given(text=MARKUP)
def test_no_block_crosses_a_heading(text: str) -> None:
    """Blocks of one section stand between two headings."""
    headings = [span.start for span in split_units(text) if span.kind is Kind.HEADING]
    for block in split_blocks(text):
        assert not any(block.start < at < block.end for at in headings)
        assert block.section == sum(at < block.start for at in headings)


@given(text=MARKUP)
def test_a_block_begins_and_ends_with_text(text: str) -> None:
    """A quotation of a whole block has no white space around it, up to the rest of a fence line."""
    for block in split_blocks(text):
        assert text[block.start : block.end].strip()
        assert not text[block.start].isspace() or text[block.start : block.end].lstrip().startswith(("`", "~"))


def test_a_list_is_one_block_with_its_lead_in_nested_items_and_code() -> None:
    """A text set in below an item belongs to the item; the sentence before the lead-in does not."""
    listed = (
        "It has these states:\n\n- loading\n  - weights\n  - index\n\n  ```sh\n  curl /health\n  ```\n"
        "- ready. It answers.\n  It is set in."
    )
    text = f"Intro text. {listed}\n\nAfter it.\n"
    assert [
        ("paragraph", "Intro text.", ""),
        ("list", listed, "It has these states:"),
        ("paragraph", "After it.", ""),
    ] == blocks_of(text)


def test_a_numbered_list_is_a_procedure() -> None:
    """With the paragraphs and samples between its steps."""
    steps = "Do this:\n\n1. Clone it.\n2. Run `make`.\n\n   It takes a minute.\n\n3. Open the page."
    text = f"# Install\n\n{steps}\n\nDone.\n"
    found = list(split_blocks(text))
    assert [("procedure", steps, "Do this:"), ("paragraph", "Done.", "")] == blocks_of(text)
    assert [("Install", 1), ("Install", 1)] == [(block.heading, block.section) for block in found]


def test_a_list_and_a_procedure_behind_each_other_are_two() -> None:
    """Other markers begin another list."""
    assert ["list", "procedure", "list"] == [kind for kind, _, _ in blocks_of("- a\n- b\n1. one\n2. two\n* star\n")]


def test_a_table_has_its_header_and_lead_in() -> None:
    """Both only introduce the rows; a table without a rule has no header."""
    table = "The codes are:\n\n| Code | Meaning |\n| --- | --- |\n| 200 | fine |\n| 404 | not found |"
    assert [("table", table, "The codes are:\n\n| Code | Meaning |"), ("paragraph", "After.", "")] == blocks_of(
        f"{table}\n\nAfter.\n"
    )
    assert [("table", "| a | b |\n| c | d |", "")] == blocks_of("| a | b |\n| c | d |\n")


def test_two_tables_with_a_blank_line_between_them_are_two() -> None:
    """Each has its own header."""
    text = "| a |\n|---|\n| 1 |\n\n| b |\n|---|\n| 2 |\n"
    assert [("table", "| a |\n|---|\n| 1 |", "| a |"), ("table", "| b |\n|---|\n| 2 |", "| b |")] == blocks_of(text)


@pytest.mark.parametrize("answer", ["Ten years. Or more.", "- a\n- b", "It has:\n\n1. one\n2. two", "| a | b |"])
@pytest.mark.parametrize(
    "question", ["How old is it?", "**How old is it?**", "Q: How old is it?", "P: ¿Qué edad tiene?"]
)
def test_a_question_stands_with_its_answer(question: str, answer: str) -> None:
    """Whatever kind of block the answer is; the question only introduces it."""
    text = f"{question}\n\n{answer}\n\n## Next\n\nNext paragraph.\n"
    assert [("qa", f"{question}\n\n{answer}", question), ("paragraph", "Next paragraph.", "")] == blocks_of(text)


def test_two_questions_behind_each_other_are_not_each_other_s_answer() -> None:
    """The first one stays a paragraph."""
    assert ["paragraph", "qa"] == [kind for kind, _, _ in blocks_of("How old is it?\n\nHow long is it?\n\nTen.\n")]


def test_a_paragraph_that_ends_in_a_colon_is_one_with_the_next() -> None:
    """A lead-in without what it introduces says nothing."""
    joined = "The rules are as follows:\n\nEach page has one owner. It is dated."
    assert [("paragraph", joined, ""), ("paragraph", "Other.", "")] == blocks_of(f"{joined}\n\nOther.\n")


def test_a_code_sample_has_its_fences_and_lead_in() -> None:
    """Two samples with a blank line between them are two."""
    text = "Run it:\n\n```sh\nmake\n\nmake run\n```\n\n```\ny\n```\n"
    first = "Run it:\n\n```sh\nmake\n\nmake run\n```"
    assert [("code", first, "Run it:"), ("code", "```\ny\n```", "")] == blocks_of(text)


def test_blocks_stand_under_their_heading_path() -> None:
    """A deeper heading is added, one of the same level takes the place of the last; sections are counted."""
    text = "Before.\n\n# Guide\n\nOne.\n\n### Deep\n\nTwo.\n\n## Settings ##\n\nThree.\n\n# Other\n\n# Last\n\nFour.\n"
    found = [(block.heading, block.section) for block in split_blocks(text)]
    assert [("", 0), ("Guide", 1), ("Guide > Deep", 2), ("Guide > Settings", 3), ("Last", 5)] == found


def test_a_long_text_takes_no_time() -> None:
    """A million characters of one kind are cut in linear time."""
    for piece in ("- item\n", "| a | b |\n", "What is it?\n\n", "It is:\n\n", "```\nx\n```\n", "1. one\n   more:\n"):
        blocks: list[TextBlock] = list(split_blocks(piece * (200_000 // len(piece))))
        assert blocks
        assert {block.kind for block in blocks} <= set(BlockKind)
