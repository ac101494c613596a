"""Table rows that still mean something when quoted alone: `| Plan: Pro | Price: 20 EUR |`."""

import re
from collections.abc import Sequence
from itertools import pairwise

Grid = Sequence[Sequence[str]]

_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200b\ufeff\u00ad]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_BREAK = re.compile(r"\s*\n\s*|\|")
_NUMBER = re.compile(r"[^\w]*\d[\d.,:/ -]*\s*[%€$£]?[A-Za-z]{0,3}")
_YEAR = re.compile(r"(?:19|20)\d\d")
_LONGEST_NAME = 60


def plain(text: str) -> str:
    """`text` on one line: white space collapsed, invisible characters gone, what is not Unicode replaced."""
    return " ".join(_LONE_SURROGATE.sub("\ufffd", _INVISIBLE.sub("", text)).split())


def cell(text: str) -> str:
    """A cell's text on one line; a line break and a `|` become `/ `."""
    return plain(_BREAK.sub("/ ", text.strip()))


def row_lines(grid: Grid, *, header: bool | None = None) -> list[str]:
    """A line for every row that holds anything, in order.

    Args:
        grid: rows of cells; they may differ in length.
        header: whether the first row names the columns; None finds out.
    """
    rows = [cells for row in grid if any(cells := [cell(text) for text in row])]
    if header is None:
        header = has_header(rows)
    if not header or not rows:
        return [row_line(row) for row in rows]
    if len(rows) == 1:
        return [row_line(rows[0])]
    return [named_row_line(rows[0], row) for row in rows[1:]]


def row_line(row: Sequence[str]) -> str:
    """`| a | b |`; empty cells are left out."""
    return f"| {' | '.join(text for text in row if text)} |"


def named_row_line(names: Sequence[str], row: Sequence[str]) -> str:
    """`| name: a | name: b |`; a cell without a name stands alone."""
    padded = [*names, *[""] * (len(row) - len(names))]
    return row_line([_named(name, text) for name, text in zip(padded, row, strict=False)])


def has_header(rows: Grid) -> bool:
    """Whether the first of at least two rows names columns: short names, all different, no numbers but a run of years.

    The first cell may be empty, where the first column names the rows.
    """
    if len(rows) < 2 or len(rows[0]) < 2:
        return False
    names = [*rows[0]]
    if not names[0]:
        del names[0]
    while names and not names[-1]:
        del names[-1]
    distinct = all(names) and len({name.casefold() for name in names}) == len(names)
    short = all(len(name) <= _LONGEST_NAME and not name.endswith((".", ":", "!", "?")) for name in names)
    return bool(names) and distinct and short and _without_numbers(names)


def has_number_column(rows: Grid) -> bool:
    """Whether some column has nothing but numbers under its first cell."""
    width = min(map(len, rows), default=0)
    return any(all(_NUMBER.fullmatch(row[place]) for row in rows[1:]) for place in range(width))


def _without_numbers(names: Sequence[str]) -> bool:
    numbers = [name for name in names if _NUMBER.fullmatch(name)]
    if not numbers:
        return True
    years = [int(name) for name in numbers if _YEAR.fullmatch(name)]
    return len(numbers) == len(years) > 1 and {b - a for a, b in pairwise(years)} in ({1}, {-1})


def _named(name: str, text: str) -> str:
    return f"{name.rstrip(': ')}: {text}" if name and text else text
