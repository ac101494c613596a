"""HTML tables to rows of text."""

from selectolax.lexbor import LexborNode

from agent.ingest.formats.table import Grid, cell, named_row_line, plain, row_lines

_BREAKS = frozenset({"br", "p", "div", "li", "tr"})
_WIDEST_SPAN = 200
_MOST_ROWS = 100_000


def is_layout(table: LexborNode) -> bool:
    """Whether a table arranges a page rather than data: it holds headings or other tables, or has a single column."""
    if table.attributes.get("role") == "presentation" or table.css_first("h1, h2, h3, h4, h5, h6, pre"):
        return True
    if any(inner.mem_id != table.mem_id for inner in table.css("table")):
        return True
    return not any(len(_cells(row)) > 1 for row in table.css("tr"))


def caption_of(table: LexborNode) -> str:
    """The table's caption, or nothing."""
    caption = table.css_first("caption")
    return plain(caption.text()) if caption else ""


def lines_of(table: LexborNode) -> list[str]:
    """The table's rows, each naming its columns."""
    rows = [row for row in table.css("tr") if _cells(row)][:_MOST_ROWS]
    heads = _head_rows(rows)
    if heads:
        names = _joined(_grid(rows[:heads], repeat=True))
        body = _grid(rows[heads:], repeat=False)
        return row_lines([names, *body], header=True) if body else row_lines([names], header=False)
    grid = _grid(rows, repeat=False)
    if all(_tags(row)[0] == "th" for row in rows):
        # The rows are named, the columns are not: `| Price: 20 EUR |`.
        return [
            named_row_line([cell(row[0])] * (len(row) - 1), [cell(text) for text in row[1:]])
            for row in grid
            if any(row[1:])
        ]
    return row_lines(grid)


def _head_rows(rows: list[LexborNode]) -> int:
    """How many rows, from the top, are names: those of a thead, or of nothing but th."""
    count = 0
    for row in rows:
        in_head = row.parent is not None and row.parent.tag == "thead"
        if not in_head and set(_tags(row)) != {"th"}:
            break
        count += 1
    return count


def _grid(rows: list[LexborNode], *, repeat: bool) -> list[list[str]]:
    """Cells in their columns.

    A cell that spans rows stands in each of them, so that each row is whole. One that spans columns stands in the
    first, or, with `repeat`, in all, because it is the name of all.
    """
    grid: list[list[str]] = []
    hanging: dict[int, tuple[int, str]] = {}
    for row in rows:
        above, hanging = hanging, {}
        line: list[str] = []
        for one in _cells(row):
            _fill(line, above, hanging)
            text, height = _text(one), _span(one, "rowspan")
            for place in range(_span(one, "colspan")):
                shown = text if repeat or not place else ""
                if height > 1:
                    hanging[len(line)] = (height - 1, shown)
                line.append(shown)
        _fill(line, above, hanging)
        grid.append(line)
    return grid


def _fill(line: list[str], above: dict[int, tuple[int, str]], hanging: dict[int, tuple[int, str]]) -> None:
    """Add the cells that hang down from the rows above into the next columns."""
    while (found := above.pop(len(line), None)) is not None:
        rows_left, text = found
        if rows_left > 1:
            hanging[len(line)] = (rows_left - 1, text)
        line.append(text)


def _joined(grid: Grid) -> list[str]:
    """One name for every column out of several rows of names: "Price" over "Monthly" is "Price Monthly"."""
    width = max(map(len, grid), default=0)
    columns = [[row[place] for row in grid if place < len(row)] for place in range(width)]
    return [" ".join(dict.fromkeys(filter(None, names))) for names in columns]


def _cells(row: LexborNode) -> list[LexborNode]:
    return [child for child in row.iter() if child.tag in ("td", "th")]


def _tags(row: LexborNode) -> list[str]:
    return [one.tag or "" for one in _cells(row)]


def _span(one: LexborNode, name: str) -> int:
    value = one.attributes.get(name) or "1"
    return min(max(int(value), 1), _WIDEST_SPAN) if value.isascii() and value.isdecimal() and len(value) < 9 else 1


def _text(one: LexborNode) -> str:
    """A cell's text; its line breaks and paragraphs are parted by line breaks."""
    parts: list[str] = []
    for node in one.traverse(include_text=True):
        if node.is_text_node:
            parts.append(" ".join(f"|{node.text_content}|".split())[1:-1])
        elif node.tag in _BREAKS:
            parts.append("\n")
    return "".join(parts).strip()
