"""DOCX tables to rows of text."""

from collections.abc import Iterator

from docx.oxml.ns import qn
from lxml.etree import _Element as Element

from agent.ingest.formats.docx_text import attribute, children, is_on, text_of
from agent.ingest.formats.table import row_lines

_WIDEST_SPAN = 200


def is_layout(table: Element) -> bool:
    """Whether no row has two cells: a frame around text, not data."""
    return all(len(list(children(row, "w:tc"))) < 2 for row in children(table, "w:tr"))


def lines_of(table: Element) -> list[str]:
    """The table's rows, each naming its columns."""
    rows = [row for row in children(table, "w:tr") if row.find(f"{qn('w:trPr')}/{qn('w:del')}") is None]
    return row_lines(_grid(rows), header=_header(rows))


def nested(table: Element) -> Iterator[Element]:
    """The tables in the cells of `table`, outermost only."""
    for row in children(table, "w:tr"):
        for one in children(row, "w:tc"):
            yield from children(one, "w:tbl")


def _header(rows: list[Element]) -> bool | None:
    """Whether the first row is one of names, by how it is set; None where that says nothing."""
    if not rows:
        return None
    if is_on(rows[0], "w:trPr/w:tblHeader"):
        return True
    bold = [[_is_bold(one) for one in children(row, "w:tc")] for row in rows]
    if not any(map(any, bold)) or all(map(all, bold)):
        return None
    # Bold down the first column only: it names the rows.
    return all(bold[0])


def _is_bold(one: Element) -> bool:
    runs = [run for run in one.iter(qn("w:r")) if text_of(run).strip()]
    return bool(runs) and all(is_on(run, "w:rPr/w:b") for run in runs)


def _grid(rows: list[Element]) -> list[list[str]]:
    """Cells in their columns. One merged across columns stands in the first; one merged down stands in each row."""
    grid: list[list[str]] = []
    above: list[str] = []
    for row in rows:
        skipped = attribute(row, "w:trPr/w:gridBefore") or "0"
        line = [""] * (min(int(skipped), _WIDEST_SPAN) if skipped.isdecimal() else 0)
        for one in children(row, "w:tc"):
            merged = one.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}")
            goes_on = merged is not None and merged.get(qn("w:val"), "continue") == "continue"
            line.append(above[len(line)] if goes_on and len(line) < len(above) else _text(one))
            span = attribute(one, "w:tcPr/w:gridSpan") or "1"
            line += [""] * (min(int(span), _WIDEST_SPAN) - 1 if span.isdecimal() else 0)
        grid.append(line)
        above = line
    return grid


def _text(one: Element) -> str:
    return "\n".join(filter(None, (text_of(paragraph).strip() for paragraph in children(one, "w:p"))))
