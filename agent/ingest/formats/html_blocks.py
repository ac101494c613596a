"""Walks an HTML tree and writes its blocks."""

from dataclasses import dataclass, field

from selectolax.lexbor import LexborNode

from agent.ingest.formats.html_table import caption_of, is_layout, lines_of
from agent.ingest.formats.notation import Composition
from agent.ingest.formats.table import plain

_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure footer"
    " form header hr html legend li main nav ol p section summary table tbody td tfoot th thead tr ul".split()
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}


@dataclass(slots=True)
class _List:
    number: int | None


@dataclass(slots=True)
class BlockWriter:
    """Walks a tree without recursion (a page may be nested thousands deep) and writes its blocks as they end."""

    composition: Composition = field(default_factory=Composition)
    _inline: list[str] = field(default_factory=list)
    _lists: list[_List] = field(default_factory=list)
    _item_open: bool = False
    _term: str = ""

    def write(self, root: LexborNode) -> None:
        """Write what is in `root`."""
        stack: list[tuple[LexborNode, bool]] = [(root, False)]
        while stack:
            node, seen = stack.pop()
            if seen:
                self._leave(node)
            elif self._enter(node):
                stack.append((node, True))
                children = list(node.iter(include_text=True))
                stack.extend((child, False) for child in reversed(children))
        self._flush()

    def _enter(self, node: LexborNode) -> bool:
        """Take note of a node; whether its children are to be walked."""
        tag = node.tag or ""
        if node.is_text_node:
            self._inline.append(node.text_content or "")
            return False
        if tag == "pre" or (tag == "table" and not is_layout(node)):
            self._flush()
            self._write_whole(node, tag)
            return False
        if tag == "br":
            self._break()
        if tag in _BLOCKS or tag in _HEADINGS:
            self._flush()
        if tag in ("ul", "ol", "menu"):
            self._lists.append(_List(_start(node) if tag == "ol" else None))
        self._item_open = self._item_open or tag == "li"
        return True

    def _leave(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if level := _HEADINGS.get(tag):
            self._item_open = False
            self.composition.heading(level, self._taken())
        elif tag == "dt":
            self._term = " / ".join(filter(None, (self._term, plain(self._taken()))))
        elif tag == "dd":
            self._describe()
        elif tag in _BLOCKS:
            self._flush()
            if tag in ("ul", "ol", "menu") and self._lists:
                self._lists.pop()
            if tag in ("ul", "ol", "menu", "li"):
                self._item_open = False

    def _break(self) -> None:
        """Two line breaks in a row end a paragraph; one is a space."""
        written = "".join(self._inline).rstrip(" \t\r\n\f")
        if written.endswith("\x1f"):
            self._inline = [written[:-1]]
            self._flush()
        else:
            self._inline.append(" \x1f")

    def _flush(self) -> None:
        text = plain(self._taken())
        if not text:
            return
        if not self._item_open or not self._lists:
            self.composition.paragraph(text)
            return
        current = self._lists[-1]
        self.composition.item(text, len(self._lists) - 1, current.number)
        current.number = None if current.number is None else current.number + 1
        self._item_open = False

    def _describe(self) -> None:
        """A definition says what it defines, so that it can be quoted alone."""
        text = plain(self._taken())
        self.composition.item(f"{self._term.rstrip(':')}: {text}" if self._term and text else text)
        self._term = ""

    def _taken(self) -> str:
        text = "".join(self._inline)
        self._inline = []
        return text

    def _write_whole(self, node: LexborNode, tag: str) -> None:
        if tag == "pre":
            self.composition.code(node.text())
            return
        self.composition.paragraph(caption_of(node))
        self.composition.rows(lines_of(node))


def _start(node: LexborNode) -> int:
    start = node.attributes.get("start") or "1"
    return int(start) if start.isdecimal() and len(start) < 6 else 1
