"""HTML: the content of a page without its navigation, in reading order."""

import codecs
import re
from collections.abc import Iterator, Mapping

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from agent.ingest.formats.encoding import decode
from agent.ingest.formats.html_blocks import BlockWriter
from agent.ingest.formats.parsed import Parsed, Unreadable
from agent.ingest.formats.table import plain

_NEVER_READ = (
    "script, style, template, noscript, svg, iframe, object, canvas, audio, video, button, select, input, textarea,"
    " [hidden], [aria-hidden=true]"
)
_CLUTTER = "nav, [role=navigation], [role=search], aside, [role=complementary], body header, body footer"
_CONTENT = "main, [role=main], article"
# A header or footer inside one of these belongs to the content.
_SECTIONS = frozenset({"main", "article", "section", "blockquote"})
_INVISIBLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_CHARSETS = ("iso8859", "cp125", "koi8", "shift_jis", "euc_", "gb", "big5", "mac-", "utf-8", "windows")
_METADATA = {
    "author": "author",
    "article:author": "author",
    "date": "date",
    "article:published_time": "date",
    "dcterms.date": "date",
    "description": "description",
    "og:description": "description",
    "keywords": "keywords",
}


def read_html(content: bytes) -> Parsed:
    """A page. Its title is the `<title>`, or else the first heading of level 1."""
    try:
        tree = LexborHTMLParser(_decoded(content))
    except (SelectolaxError, ValueError) as error:
        raise Unreadable("not HTML") from error
    heading = tree.css_first("h1")
    title = next((text for node in (tree.css_first("title"), heading) if node and (text := plain(node.text()))), None)
    metadata = _metadata(tree)
    if tree.body is None:
        return Parsed("", title, metadata=metadata)
    _remove_unread(tree)
    writer = BlockWriter()
    content_root = _content(tree.body)
    if content_root is not tree.body and content_root.css_first("h1") is None and (h1 := tree.body.css_first("h1")):
        writer.composition.heading(1, h1.text())
    writer.write(content_root)
    return Parsed(writer.composition.text, title, metadata=metadata)


def _decoded(content: bytes) -> str:
    """As the page declares; a declaration that is wrong counts for nothing."""
    declared = _CHARSET.search(content[:2048])
    if declared is None or content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return decode(content)
    try:
        name = codecs.lookup(declared.group(1).decode("ascii")).name
        # Browsers read Latin-1 as its superset, Windows Western, because that is what pages mean by it.
        text = content.decode("cp1252" if name == "iso8859-1" else name) if name.startswith(_CHARSETS) else None
    except (LookupError, UnicodeError):
        text = None
    return decode(content) if text is None or "\0" in text else text


def _metadata(tree: LexborHTMLParser) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for node in tree.css("meta"):
        name = (node.attributes.get("name") or node.attributes.get("property") or "").lower()
        value = plain(node.attributes.get("content") or "")
        if name in _METADATA and value:
            values = tuple(filter(None, map(str.strip, value.split(",")))) if name == "keywords" else (value,)
            found.setdefault(_METADATA[name], values)
    return found


def _remove_unread(tree: LexborHTMLParser) -> None:
    body = tree.body
    assert body is not None
    _remove(body.css(_NEVER_READ))
    _remove([node for node in body.css("[style]") if _INVISIBLE.search(node.attributes.get("style") or "")])
    clutter = _outermost([node for node in body.css(_CLUTTER) if _is_clutter(node)])
    # Safe only while most of the page is something else: some pages put all they say into a header or an aside.
    if sum(_weight(node) for node in clutter) <= _weight(body) / 2:
        _remove(clutter)


def _remove(nodes: list[LexborNode]) -> None:
    for node in _outermost(nodes):
        node.decompose()


def _outermost(nodes: list[LexborNode]) -> list[LexborNode]:
    """Those that are in no other: removing a node frees what is in it."""
    own = {node.mem_id for node in nodes}
    return [node for node in nodes if not any(parent.mem_id in own for parent in _ancestors(node))]


def _is_clutter(node: LexborNode) -> bool:
    if node.tag not in ("header", "footer"):
        return True
    inside = any(parent.tag in _SECTIONS for parent in _ancestors(node))
    return not inside and node.css_first("h1") is None


def _ancestors(node: LexborNode) -> Iterator[LexborNode]:
    parent = node.parent
    while parent is not None:
        yield parent
        parent = parent.parent


def _content(body: LexborNode) -> LexborNode:
    """The element that holds most of the text and says that it is the content; the whole body if none does."""
    best = max(body.css(_CONTENT), key=_weight, default=body)
    return best if _weight(best) > _weight(body) / 2 else body


def _weight(node: LexborNode) -> int:
    return len(plain(node.text()))
