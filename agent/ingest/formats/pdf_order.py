"""The reading order of what is on a page: columns one after the other, what spans them in its place."""

from collections.abc import Sequence
from itertools import groupby
from statistics import median

from agent.ingest.formats.pdf_margins import is_contents
from agent.ingest.formats.pdf_page import Box, Line, Table
from agent.ingest.formats.table import has_header, has_number_column

# In points.
_GUTTER = 8.0
_ALIGNED = 8.0
_STEP = 2.0
_NARROWEST = 80.0
# Shares: of the text's height that may cross a gutter, that a column must have, and of a column's width that lines of
# prose fill (cells of a table do not).
_CROSSING = 0.35
_COLUMN = 0.2
_FILLED = 0.55
_FEWEST_LINES = 3
# In a line of a column; a column of prices is one of a table.
_FEWEST_WORDS = 3


def in_reading_order(boxes: Sequence[Box]) -> list[Box]:
    """The boxes of one page as one reads them."""
    gutter = _gutter(boxes)
    if gutter is None:
        return _by_rows(boxes)
    crossing = sorted((box for box in boxes if box.x0 < gutter < box.x1), key=lambda box: box.top)
    ordered: list[Box] = []
    rest = [box for box in boxes if not box.x0 < gutter < box.x1]
    for span in [*crossing, None]:
        band = [box for box in rest if span is None or _middle(box) < _middle(span)]
        rest = [box for box in rest if box not in band]
        ordered += in_reading_order([box for box in band if box.x1 <= gutter])
        ordered += in_reading_order([box for box in band if box.x0 >= gutter])
        if span is not None:
            ordered.append(span)
    return ordered


def _gutter(boxes: Sequence[Box]) -> float | None:
    """Where a strip runs down between two columns of prose; None in a page of one column."""
    if len(boxes) < 2 * _FEWEST_LINES:
        return None
    left, right = min(box.x0 for box in boxes), max(box.x1 for box in boxes)
    places = int((right - left) / _STEP)
    if not 0 < places < 10_000:
        return None
    covered = [0.0] * (places + 2)
    for box in boxes:
        covered[max(int((box.x0 - left) / _STEP), 0)] += box.bottom - box.top
        covered[min(int((box.x1 - left) / _STEP) + 1, places + 1)] -= box.bottom - box.top
    for place in range(places + 1):
        covered[place + 1] += covered[place]
    limit = _CROSSING * sum(box.bottom - box.top for box in boxes)
    strips = [
        (crossing, list(strip)) for crossing, strip in groupby(range(1, places), key=lambda at: round(covered[at], 1))
    ]
    # The emptiest first: beside it lies the ragged edge of a column, which is crossed by its longer lines only.
    for crossing, run in sorted(strips, key=lambda strip: strip[0]):
        middle = left + (run[0] + run[-1] + 1) / 2 * _STEP
        if crossing <= limit and len(run) * _STEP >= _GUTTER and _parts(boxes, middle):
            return middle
    return None


def _parts(boxes: Sequence[Box], gutter: float) -> bool:
    sides = [box for box in boxes if box.x1 <= gutter], [box for box in boxes if box.x0 >= gutter]
    if min(map(len, sides)) < _FEWEST_LINES or not all(map(_is_prose, sides)):
        return False
    height = max(box.bottom for box in boxes) - min(box.top for box in boxes)
    shared = min(max(box.bottom for box in side) for side in sides) - max(
        min(box.top for box in side) for side in sides
    )
    return shared > _COLUMN * height


def _is_prose(side: Sequence[Box]) -> bool:
    width = max(box.x1 for box in side) - min(box.x0 for box in side)
    words = median(len(box.text.split()) if isinstance(box, Line) else _FEWEST_WORDS for box in side)
    filled = median(box.x1 - box.x0 for box in side) > _FILLED * width
    return filled and width >= _NARROWEST and words >= _FEWEST_WORDS


def _by_rows(boxes: Sequence[Box]) -> list[Box]:
    """Top to bottom. Lines side by side are a row of a table without rules, or one line with a wide gap."""
    rows: list[list[Box]] = []
    for box in sorted(boxes, key=lambda box: (box.top, box.x0)):
        if rows and _beside(rows[-1][0], box):
            rows[-1].append(box)
        else:
            rows.append([box])
    ordered: list[Box] = []
    for aligned, run in groupby(
        _with_alignment([sorted(row, key=lambda box: box.x0) for row in rows]), lambda pair: pair[0]
    ):
        found = [row for _, row in run]
        if aligned and len(found) >= _FEWEST_LINES:
            ordered.append(_as_table(found))
        else:
            ordered += [box for row in found for box in _as_line(row)]
    return ordered


def _with_alignment(rows: list[list[Box]]) -> list[tuple[int, list[Box]]]:
    """Each row with the number of the table that it is a row of, 0 for none."""
    numbers = [0] * len(rows)
    for place in range(1, len(rows)):
        if _are_aligned(rows[place - 1], rows[place]):
            numbers[place - 1] = numbers[place] = numbers[place - 1] or place
    return list(zip(numbers, rows, strict=True))


def _are_aligned(above: list[Box], below: list[Box]) -> bool:
    if len(above) != len(below) or len(below) < 2 or not all(map(_can_be_cell, (*above, *below))):
        return False
    return all(
        min(abs(a.x0 - b.x0), abs(a.x1 - b.x1), abs(a.x0 + a.x1 - b.x0 - b.x1) / 2) < _ALIGNED
        for a, b in zip(above, below, strict=True)
    )


def _can_be_cell(box: Box) -> bool:
    return isinstance(box, Line) and not box.mono and not is_contents(box)


def _as_table(rows: list[list[Box]]) -> Table:
    lines = [[box for box in row if isinstance(box, Line)] for row in rows]
    boxes = [box for row in lines for box in row]
    texts = tuple(tuple(line.text for line in row) for row in lines)
    bold = [all(line.bold for line in row) for row in lines]
    return Table(
        rows=texts,
        page=boxes[0].page,
        x0=min(box.x0 for box in boxes),
        x1=max(box.x1 for box in boxes),
        top=min(box.top for box in boxes),
        bottom=max(box.bottom for box in boxes),
        # Without rules and without bold, only numbers under a name tell that it is one.
        header=(bold[0] and not all(bold)) or (has_header(texts) and has_number_column(texts)),
    )


def _as_line(row: list[Box]) -> list[Box]:
    lines = [box for box in row if isinstance(box, Line)]
    if len(lines) < len(row) or len(row) == 1 or len({line.size for line in lines}) > 1:
        return row
    return [
        Line(
            text=" ".join(line.text for line in lines),
            page=lines[0].page,
            x0=lines[0].x0,
            x1=max(line.x1 for line in lines),
            top=min(line.top for line in lines),
            bottom=max(line.bottom for line in lines),
            size=lines[0].size,
            bold=all(line.bold for line in lines),
            mono=all(line.mono for line in lines),
        )
    ]


def _beside(one: Box, other: Box) -> bool:
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    return shared > 0.6 * min(one.bottom - one.top, other.bottom - other.top)


def _middle(box: Box) -> float:
    return (box.top + box.bottom) / 2
