"""The blocks of an answer as lines of a terminal: hanging indents, aligned tables, indented code, bold headings."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from agent.ask.clean import clean
from agent.ask.inline import inline
from agent.schemas import Answer, AnswerBlock

_LEAST_WIDTH = 20
_CODE_INDENT = 4
_COLUMN_GAP = "  "
_NUMBER = re.compile(r" ?\[\d+\]")
_BLANK_LINE = re.compile(r"\n\s*\n")
_BAR = re.compile(r"(?<!\\)\|")
_MARKERS = {"item": re.compile(r"\s*[-*+] "), "step": re.compile(r"\s*(\d+)[.)] "), "heading": re.compile(r"#+ ")}
_LISTS, _TABLE = ("item", "step"), ("header", "row")


@dataclass(frozen=True, slots=True)
class _Placed:
    """A block, and what the Markdown before it says."""

    block: AnswerBlock
    joined: bool
    apart: bool
    number: str
    lead: str


def lines_of(answer: Answer, console: Console) -> Iterator[Text]:
    """The lines of an answer on this terminal.

    Lines of code, and rows of a table that is wider than the terminal, may be wider than it.
    """
    for place, group in enumerate(_groups(answer)):
        if place:
            yield Text()
        kind = group[0].block.kind
        if kind in _TABLE:
            yield from _table(group, console.width)
        elif kind in _LISTS:
            yield from _list(group, console)
        elif kind == "code":
            yield from _code(group[0].block)
        else:
            yield from _wrapped(_paragraph(group), console)


def _groups(answer: Answer) -> list[list[_Placed]]:
    """Lists, tables and paragraphs, each with its blocks; a blank line stands between two of them."""
    groups: list[list[_Placed]] = []
    end = 0
    for block in answer.blocks:
        one = _placed(answer.answer[end : block.start], block)
        end = block.end
        before = groups[-1][-1] if groups else None
        if before is not None and _continues(before, one):
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _placed(gap: str, block: AnswerBlock) -> _Placed:
    *above, last = _NUMBER.sub("", gap).split("\n")
    marker = _MARKERS[block.kind].match(last) if block.kind in _MARKERS else None
    lead = "" if block.kind in (*_TABLE, "code") else last[marker.end() if marker else 0 :]
    number = marker[1] if marker and block.kind == "step" else ""
    return _Placed(block, not above, _BLANK_LINE.search(gap) is not None, number, lead)


def _continues(before: _Placed, one: _Placed) -> bool:
    if one.block.kind == "paragraph":
        return before.block.kind == "paragraph" and one.joined
    if one.apart or one.block.kind == "header":
        return False
    return any(before.block.kind in group and one.block.kind in group for group in (_LISTS, _TABLE))


def _paragraph(group: Sequence[_Placed]) -> Text:
    text = Text()
    for one in group:
        text.append(one.lead).append_text(_marked(one.block))
    if group[0].block.kind == "heading":
        text.stylize("bold")
    return text


def _list(group: Sequence[_Placed], console: Console) -> Iterator[Text]:
    # Where the text of each depth begins: a deeper marker stands below it.
    begins = [0]
    for one in group:
        depth = min(one.block.depth, len(begins) - 1)
        marker = f"{one.number}. " if one.number else "• "
        del begins[depth + 1 :]
        begins.append(begins[depth] + len(marker))
        text = Text(one.lead).append_text(_marked(one.block))
        for place, line in enumerate(_wrapped(text, console, begins[-1])):
            head = " " * begins[depth] + marker if place == 0 else " " * begins[-1]
            yield Text(head).append_text(line)


def _code(block: AnswerBlock) -> Iterator[Text]:
    for line in clean(block.text).expandtabs(4).split("\n"):
        yield Text(" " * _CODE_INDENT + line, "green")
    if block.citations:
        yield Text(" " * _CODE_INDENT).append_text(_numbers(block))


def _table(group: Sequence[_Placed], width: int) -> Iterator[Text]:
    """Aligned where it fits into the width, else as Markdown has it."""
    rows = [_cells(one.block) for one in group]
    columns = max(map(len, rows))
    rows = [[*row, *(Text() for _ in range(columns - len(row)))] for row in rows]
    widths = [max(row[column].cell_len for row in rows) for column in range(columns)]
    if sum(widths) + len(_COLUMN_GAP) * (columns - 1) > width:
        for one in group:
            text = Text(clean(one.block.text))
            yield (text.append(" ").append_text(_numbers(one.block)) if one.block.citations else text).append(" |")
            if one.block.kind == "header":
                yield Text("|" + " --- |" * columns)
        return
    for one, row in zip(group, rows, strict=True):
        line = Text(_COLUMN_GAP).join(_padded(cell, size) for cell, size in zip(row, widths, strict=True))
        line.rstrip()
        if one.block.kind == "header":
            line.stylize("bold")
        yield line
        if one.block.kind == "header":
            yield Text(_COLUMN_GAP.join("─" * size for size in widths), "dim")


def _cells(block: AnswerBlock) -> list[Text]:
    cells = _BAR.split(clean(block.text).strip())
    if not cells[0]:
        del cells[0]
    if len(cells) > 1 and not cells[-1].strip():
        del cells[-1]
    texts = [inline(" ".join(cell.split())) for cell in cells]
    if block.citations and texts:
        texts[-1].append(" " if texts[-1] else "").append_text(_numbers(block))
    return texts


def _padded(cell: Text, size: int) -> Text:
    padded = cell.copy()
    padded.append(" " * (size - cell.cell_len))
    return padded


def _marked(block: AnswerBlock) -> Text:
    text = inline(clean(block.text))
    return text.append(" ").append_text(_numbers(block)) if block.citations else text


def _numbers(block: AnswerBlock) -> Text:
    return Text("".join(f"[{number}]" for number in block.citations), "cyan")


def _wrapped(text: Text, console: Console, indent: int = 0) -> Iterator[Text]:
    for line in text.wrap(console, max(console.width - indent, _LEAST_WIDTH)):
        line.rstrip()
        yield line
