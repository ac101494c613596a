"""JSON and JSON Lines."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ingest.formats import Unreadable, parse
from agent.text.sentences import Kind, split_units


def text_of(value: object) -> str:
    return parse(".json", json.dumps(value).encode()).text


def test_a_record_is_a_section() -> None:
    """Prose is a paragraph, short fields share a row, and the row says whose it is."""
    record = {"name": "Pump", "price": 20, "description": "It is quiet. It is small.", "dims": {"w": 1.10, "h": 2}}
    expected = (
        "## Pump\n\n| name: Pump | price: 20 |\n\nIt is quiet. It is small.\n\n| name: Pump | dims.w: 1.1 | dims.h: 2 |"
    )
    assert expected == text_of([record])


def test_the_list_of_records_in_an_object_is_found() -> None:
    """What stands beside it comes first, and names the document."""
    parsed = parse(".json", b'{"title": "Catalogue", "items": [{"id": "A", "n": 1}, {"n": 2}]}')
    assert ("Catalogue", "| title: Catalogue |\n\n## A\n\n| id: A | n: 1 |\n\n## Record 2\n\n| n: 2 |") == (
        parsed.title,
        parsed.text,
    )


def test_a_plain_object_has_no_heading() -> None:
    """Its fields come the same way; prose under a telling name keeps the name."""
    assert "| a: 1 | b.c: x, y |\n\nwarranty: It lasts long. Two years." == text_of(
        {"a": 1, "b": {"c": ["x", "y"]}, "warranty": "It lasts long. Two years."}
    )


def test_objects_in_a_list_have_a_row_each() -> None:
    """A variant is not merged with the next."""
    expected = "## P\n\n| name: P | v.s: S | v.p: 1 |\n\n| name: P | v.s: M | v.p: 2 |"
    assert expected == text_of([{"name": "P", "v": [{"s": "S", "p": 1}, {"s": "M", "p": 2}]}])


def test_a_question_is_only_the_heading() -> None:
    """As text it would be the best match for itself."""
    assert "## Is it open?\n\nYes, it is." == text_of([{"question": "Is it open?", "answer": "Yes, it is."}])


def test_numbers_stay_as_they_are_written() -> None:
    """1.10 is not 1.1; a number may be huge, and NaN is a word."""
    huge = "9" * 5000
    expected = f"| a: 1.10 | b: NaN | c: 1e999 | d: true |\n\ne: {huge}"
    assert (
        expected
        == parse(".json", f'{{"a": 1.10, "b": NaN, "c": 1e999, "d": true, "e": {huge}, "f": null}}'.encode()).text
    )


def test_a_repeated_name_is_kept() -> None:
    """Both values are what the file says."""
    assert "| a: 1 | a: 2 |" == parse(".json", b'{"a": 1, "a": 2}').text


def test_a_list_of_lists_is_a_table() -> None:
    """With its header."""
    assert "| x: 1 | y: 2 |" == text_of([["x", "y"], [1, 2]])


@pytest.mark.parametrize("marker", ["# ", "###### ", "| ", "```", "~~~ ", "# # | ``` "])
def test_text_cannot_look_like_structure(marker: str) -> None:
    """A string's own heading, row or fence is dropped; its words are not."""
    text = text_of({"body": f"{marker}First words. Then others.\n{marker}last"})
    assert {Kind.PROSE} == {unit.kind for unit in split_units(text)}
    assert text.startswith("First words. Then others.")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=100),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@given(value=_JSON)
def test_any_value_becomes_text_or_is_empty(value: object) -> None:
    """And the text is Unicode that can be stored."""
    try:
        text_of(value).encode()
    except Unreadable as error:
        reason = error.reason
    else:
        reason = "empty"
    assert "empty" == reason


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a":' * 100 + "1" + "}" * 100, "[1," * 60 + "2" + "]" * 60])
def test_deep_nesting_is_unreadable(content: str) -> None:
    """It would overflow the stack, here or in a reader of the result."""
    with pytest.raises(Unreadable, match="nested more than 32"):
        parse(".json", content.encode())


def test_what_is_wrong_is_told_with_its_line() -> None:
    """In JSON Lines the line's number, in JSON the column too."""
    with pytest.raises(Unreadable, match=r"^line 3 is not JSON$"):
        parse(".jsonl", b'{"a": 1}\n\n{"a":\n')
    with pytest.raises(Unreadable, match=r"^not JSON: line 2, column 1$"):
        parse(".json", b'{"a":\n')


def test_every_line_is_a_record() -> None:
    """Blank lines are none."""
    assert (
        "## x\n\n| id: x | n: 1 |\n\n## y\n\n| id: y | n: 2 |"
        == parse(".ndjson", b'{"id": "x", "n": 1}\r\n\r\n{"id": "y", "n": 2}').text
    )
