"""Rows that can be quoted alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ingest.formats.table import has_header, row_lines
from agent.text.sentences import Kind, split_units


@given(
    grid=st.lists(st.lists(st.text(max_size=20), max_size=4), max_size=6), header=st.sampled_from([True, False, None])
)
def test_a_row_is_one_unit(grid: list[list[str]], header: bool | None) -> None:
    """Never split, never merged, whatever its cells hold; a row of signs only is no unit."""
    lines = row_lines(grid, header=header)
    units = list(split_units("\n".join(lines)))
    assert all(unit.kind is Kind.ROW for unit in units)
    assert [line for line in lines if line.strip(" |:=+-")] == [
        "\n".join(lines)[unit.start : unit.end] for unit in units
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([["Plan", "Price"], ["Pro", "20"]], True),
        ([["", "Pro"], ["Price", "20"]], True),
        ([["Plan", "20 EUR"], ["Pro", "30 EUR"]], False),
        ([["Plan", "Plan"], ["Pro", "30"]], False),
        ([["Name:", "Irene"], ["Town:", "Haro"]], False),
        ([["Plan", "2024"], ["Pro", "30"]], False),
        ([["Plan", "2025", "2024"], ["Pro", "30", "4"]], True),
        ([["Plan", "Price"]], False),
        ([["Plan"], ["Pro"]], False),
    ],
)
def test_names_are_told_from_data(rows: list[list[str]], expected: bool) -> None:
    """Short, all different, no numbers but a run of years, and something under them."""
    assert expected == has_header(rows)


def test_a_name_that_ends_with_a_colon_has_one() -> None:
    """Not two."""
    assert ["| Plan: Pro |"] == row_lines([["Plan:"], ["Pro"]], header=True)
