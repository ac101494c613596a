"""CSV and TSV."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ingest.formats import Unreadable, parse

_CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), min_size=1, max_size=20)
_TABLE = st.integers(1, 5).flatmap(lambda width: st.lists(st.lists(_CELL, min_size=width, max_size=width), max_size=8))


def rows(content: str | bytes, suffix: str = ".csv") -> list[str]:
    return parse(suffix, content if isinstance(content, bytes) else content.encode()).text.split("\n")


@given(table=_TABLE)
def test_every_row_is_one_line(table: list[list[str]]) -> None:
    """Whatever csv.writer wrote, delimiters, quotes and line breaks in cells included."""
    written = io.StringIO()
    csv.writer(written).writerows(
        [[f"name {place}" for place in range(len(row))] for row in table[:1]]
        + [[f"x{cell}" for cell in row] for row in table]
    )
    if table:
        lines = rows(written.getvalue())
        assert len(table) == len(lines) - (1 if len(table[0]) == 1 else 0)
        assert all(line.startswith("| ") and line.endswith(" |") and len(line.splitlines()) == 1 for line in lines)


def test_a_row_names_its_columns() -> None:
    """So that it still means something when it is quoted alone; empty cells are left out."""
    assert ["| Plan: Pro | Price: 20 EUR |", "| Plan: Free |"] == rows("Plan,Price\nPro,20 EUR\nFree,\n")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_the_delimiter_is_found(delimiter: str, suffix: str) -> None:
    """By what cuts all rows alike, whatever the suffix says."""
    table = f"Name{delimiter}Note\nAna{delimiter}one\nLuis{delimiter}two\n"
    assert ["| Name: Ana | Note: one |", "| Name: Luis | Note: two |"] == rows(table, suffix)


def test_excel_in_spain_is_read() -> None:
    """Semicolons, decimal commas and Windows Western."""
    assert ["| Año: 2024 | Importe: 1,5 € |"] == rows("Año;Importe\r\n2024;1,5 €\r\n".encode("cp1252"))


def test_excels_own_first_line_is_no_data() -> None:
    """`sep=;` names the delimiter."""
    assert ["| a: 1 | b: 2,5 |"] == rows("sep=;\r\na;b\r\n1;2,5\r\n")


def test_rows_without_names_stand_alone() -> None:
    """A first row with numbers, with repeated or with empty names is data."""
    for first in ("Ana,12", "a,a", "a,,c"):
        assert len(rows(f"{first}\nLuis,13,x\n")) == 2


def test_years_are_names() -> None:
    """A run of years names columns; other numbers do not."""
    assert ["| Region: North | 2023: 5 | 2024: 6 |"] == rows("Region,2023,2024\nNorth,5,6\n")


def test_uneven_rows_are_kept() -> None:
    """A missing cell is left out, one too many has no name."""
    assert ["| a: 1 |", "| a: 1 | b: 2 | 3 |"] == rows("a,b\n1\n1,2,3\n")


def test_a_line_break_or_a_bar_in_a_cell_is_replaced() -> None:
    """A row stays one row with its cells."""
    assert ["| a: x/ y | b: p/ q |"] == rows('a,b\n"x\ny",p|q\n')


def test_a_quote_that_is_never_closed_does_not_swallow_rows() -> None:
    """It is then a character like any other."""
    assert ['| size: "5 inch | note: x |', "| size: 6 inch | note: y |"] == rows('size,note\n"5 inch,x\n6 inch,y\n')


def test_a_long_cell_is_read() -> None:
    """Longer than the csv module's limit."""
    assert [f"| a: {'x' * 200_000} | b: 1 |"] == rows(f"a,b\n{'x' * 200_000},1\n")


def test_nul_is_unreadable() -> None:
    """A spreadsheet renamed to .csv is not text."""
    with pytest.raises(Unreadable, match="not text"):
        rows(b"PK\x03\x04\0\0")
