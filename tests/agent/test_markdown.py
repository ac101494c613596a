"""Markdown as the blocks of an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.text.markdown import MarkdownBlock, introduces, parse_markdown

PIECES = st.sampled_from(
    [
        "Oak is hard. ", "\n", "\n\n", "# Head\n", "- item\n", "  - nested\n", "1. one\n", "   2. two\n",
        "| a | b |\n", "|---|---|\n", "| 1 |\n", "```\n", "```sh\n", "    code\n", "> quote\n", "<b>raw</b>\n",
        "---\n", "*it* ", "\\|",
    ]
)  # fmt: skip


def kinds(text: str) -> list[tuple[str, str, int]]:
    return [(block.kind, block.text, block.depth) for block in parse_markdown(text)]


@given(text=st.lists(PIECES | st.text(max_size=10), max_size=40).map("".join))
def test_every_block_says_something_on_one_line(text: str) -> None:
    """Only code has lines; none is empty, and lists are nested from 0 on."""
    for block in parse_markdown(text):
        assert block.text.strip()
        assert block.kind == "code" or len(block.text.splitlines()) == 1
        assert 0 <= block.depth <= 8


def test_nested_lists_have_their_depth() -> None:
    """Items, and steps below them; what else stands in an item is a paragraph or code as deep as the item's content."""
    text = "- a\n  - b\n    1. c\n\n       more c\n- d\n\n  ```sh\n  x\n  ```\n"
    assert [
        ("item", "a", 0), ("item", "b", 1), ("step", "c", 2), ("paragraph", "more c", 3), ("item", "d", 0),
        ("code", "x", 1),
    ] == kinds(text)  # fmt: skip


def test_the_cells_of_a_table_keep_to_themselves() -> None:
    """A bar that a cell has written with a backslash keeps it."""
    table = "Text.\n\n| Code | Meaning |\n| --- | :-: |\n| 200 | a \\| b |\n| | none |\n"
    assert [
        ("paragraph", "Text.", 0),
        ("header", "| Code | Meaning", 0),
        ("row", "| 200 | a \\| b", 0),
        ("row", "|  | none", 0),
    ] == kinds(table)


def test_a_row_without_a_header_is_an_item() -> None:
    """Its cells do not run into the next line; a rule under nothing is nothing."""
    text = "Before\n| 200 | fine |\nbehind.\n\n|---|---|\n"
    assert [("paragraph", "Before", 0), ("item", "200 · fine", 0), ("paragraph", "behind.", 0)] == kinds(text)


def test_paragraphs_and_headings_are_joined_on_one_line() -> None:
    """Inline Markdown and raw HTML stay as they are written; rules say nothing."""
    text = "## A *b*\n\nOne\ntwo `c|d`\n[x](y).\n\n---\n\n> quoted\n\n<b>raw</b>\n"
    assert [
        ("heading", "A *b*", 0),
        ("paragraph", "One two `c|d` [x](y).", 0),
        ("paragraph", "quoted", 0),
        ("paragraph", "<b>raw</b>", 0),
    ] == kinds(text)


def test_code_keeps_its_lines() -> None:
    """With a fence or set in; its language is not kept."""
    assert [("code", "x\n\n  y", 0), ("code", "z", 0)] == kinds("```py\nx\n\n  y\n```\n\n    z\n")


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (MarkdownBlock("heading", "States"), True),
        (MarkdownBlock("header", "| a | b"), True),
        (MarkdownBlock("paragraph", "It has these states:"), True),
        (MarkdownBlock("item", "**Limits:**"), True),
        (MarkdownBlock("paragraph", "At 10:30 it ends."), False),
        (MarkdownBlock("row", "| 1 | 2"), False),
    ],
)
def test_what_only_introduces_is_told_from_what_states(block: MarkdownBlock, expected: bool) -> None:
    """Headings, header rows, and what ends in a colon."""
    assert expected == introduces(block)


def test_a_step_has_the_number_that_it_is_written_with() -> None:
    """Of a list that begins with another one, too; an item has none."""
    found = parse_markdown("7. a\n8. b\n   1) c\n\n- d\n")
    assert [7, 8, 1, None] == [block.number for block in found]
