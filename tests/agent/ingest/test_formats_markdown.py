"""Markdown and plain text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ingest.formats import Parsed, Unreadable, parse

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).filter(
    lambda text: bool(text.strip()) and not text.startswith("\ufeff")
)


@given(text=_TEXT)
def test_text_is_returned_unchanged(text: str) -> None:
    """Line ends, white space and all: offsets are valid in the file."""
    assert text == parse(".txt", text.encode()).text


@given(text=_TEXT)
def test_utf_16_with_its_mark_is_read(text: str) -> None:
    """As Windows' editor writes it."""
    assert text == parse(".txt", text.encode("utf-16")).text


def test_a_byte_order_mark_is_dropped() -> None:
    """It is not part of the text."""
    assert "hola" == parse(".md", b"\xef\xbb\xbfhola").text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "El señor pagó 20 € en mayo — según consta."),
        ("latin-1", "Año nuevo"),
        ("cp1251", "Погреб находится на девяти метрах под двором, и всё в нём измеряется приборами дома."),
    ],
)
def test_other_encodings_are_read_where_they_are_sure(encoding: str, text: str) -> None:
    """Western letters are Windows Western; a longer text in another script is detected."""
    assert text == parse(".txt", text.encode(encoding)).text


@pytest.mark.parametrize("content", [bytes(range(1, 256)), b"\x80\x81\xfe\xff\x90", b"ab\0cd", b"\xff\xfea"])
def test_what_is_no_text_is_unreadable(content: bytes) -> None:
    """Nothing is replaced or guessed."""
    with pytest.raises(Unreadable, match="not text"):
        parse(".txt", content)


def test_a_front_matter_is_metadata() -> None:
    """Scalars and lists as they are written; the body begins after it, and the text is still the whole file."""
    text = "---\nTitle: The barrels\nversion: 1.10\ntags: [oak, 'x y']\nnested: {a: b}\ndraft: ~\n---\n# Other\n"
    expected = Parsed(
        text, "The barrels", metadata={"version": ("1.10",), "tags": ("oak", "x y")}, body_start=text.index("# Other")
    )
    assert expected == parse(".md", text.encode())


@pytest.mark.parametrize(
    "front", ["---\n: : [\n---\n", "---\nno mapping\n---\n", "---\nnever: closed\n", "----\na: b\n----\n"]
)
def test_a_broken_front_matter_is_text(front: str) -> None:
    """It is not lost, and the title is the first heading."""
    text = f"{front}\n# Heading #\n"
    assert Parsed(text, "Heading") == parse(".md", text.encode())


def test_plain_text_has_no_front_matter() -> None:
    """In a text file three hyphens are three hyphens."""
    text = "---\ntitle: x\n---\nbody\n"
    assert Parsed(text, None) == parse(".txt", text.encode())


def test_a_comment_in_code_is_no_title() -> None:
    """The title is the first heading of level 1 outside of code."""
    assert "Real" == parse(".md", b"## Part\n```\n# comment\n```\n# Real\n").title
