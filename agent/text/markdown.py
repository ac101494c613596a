"""Reads Markdown as the blocks of an answer: paragraphs, items, steps, table rows, code.

Parsed by markdown-it-py as CommonMark with tables. What it does not take for a table, as a row without a header, is an
item here, so that no cell runs into the next line.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from agent.schemas import BlockKind
from agent.text.sentences import introduces_more

_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")
_ROW = re.compile(r"\s*\|(.+?)\|?\s*$")
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class MarkdownBlock:
    """One block: `text` is inline Markdown on one line, of code its lines.

    `depth` of an item or step is that of nested lists, from 0; of a paragraph or code the number of lists around it.
    `number` is the one that a step is written with.
    """

    kind: BlockKind
    text: str
    depth: int = 0
    number: int | None = None


def parse_markdown(text: str) -> list[MarkdownBlock]:
    """The blocks of `text` in order. Empty ones, rules and raw HTML are left out."""
    return [block for block in _blocks(_PARSER.parse(text)) if block.text.strip()]


def introduces(block: MarkdownBlock) -> bool:
    """Whether a block only introduces what comes after it: a heading, a header row, a sentence that ends in a colon."""
    return block.kind in ("heading", "header") or introduces_more(block.text)


def _blocks(tokens: Sequence[Token]) -> Iterator[MarkdownBlock]:
    lists: list[str] = []
    opened = False  # an item whose first paragraph has not come yet
    heading = header = False
    cells: list[str] = []
    number: int | None = None
    before = ""
    for token in tokens:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            lists.append(token.type)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            lists.pop()
        elif token.type == "list_item_open":
            opened, number = True, int(token.info) if token.info else None
        elif token.type == "heading_open":
            heading = True
        elif token.type == "thead_open":
            header = True
        elif token.type == "thead_close":
            header = False
        elif token.type == "tr_open":
            cells = []
        elif token.type == "tr_close":
            yield MarkdownBlock("header" if header else "row", "| " + " | ".join(cells))
        elif token.type in ("fence", "code_block"):
            yield MarkdownBlock("code", token.content.rstrip("\n"), min(len(lists), _DEEPEST))
        elif token.type == "inline" and before in ("td_open", "th_open"):
            cells.append(_one_line(token.content).replace("|", r"\|"))
        elif token.type == "inline" and heading:
            heading = False
            yield MarkdownBlock("heading", _one_line(token.content))
        elif token.type == "inline":
            depth = min(max(len(lists) - 1, 0), _DEEPEST)
            if lists and opened:
                kind: BlockKind = "step" if lists[-1] == "ordered_list_open" else "item"
                yield MarkdownBlock(kind, _one_line(token.content), depth, number)
            else:
                yield from _paragraph(token.content, min(len(lists), _DEEPEST))
            opened = False
        before = token.type


def _paragraph(content: str, depth: int) -> Iterator[MarkdownBlock]:
    lines: list[str] = []
    for line in content.split("\n"):
        if (row := _ROW.match(line)) is None:
            lines.append(line)
            continue
        yield MarkdownBlock("paragraph", _one_line("\n".join(lines)), depth)
        lines = []
        cells = [cell.strip() for cell in row.group(1).split("|")]
        if any(cell.strip(":- ") for cell in cells):
            yield MarkdownBlock("item", " · ".join(cell for cell in cells if cell))
    yield MarkdownBlock("paragraph", _one_line("\n".join(lines)), depth)


def _one_line(text: str) -> str:
    return " ".join(text.split())
