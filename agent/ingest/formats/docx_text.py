"""The text of WordprocessingML paragraphs, without what its author deleted."""

from collections.abc import Iterator

from docx.oxml.ns import qn
from lxml.etree import _Element as Element

_TEXT = frozenset({qn("w:t"), qn("m:t")})
_SPACE = frozenset({qn("w:tab"), qn("w:br"), qn("w:cr"), qn("w:ptab")})
_HYPHEN = qn("w:noBreakHyphen")
# Deleted and moved-away text, field codes, the fallback copy of a drawing; and text boxes: they float freely.
_SKIPPED = frozenset(
    qn(name)
    for name in ("w:del", "w:moveFrom", "w:pPr", "w:rPr", "w:instrText", "w:txbxContent", "w:pict", "w:drawing")
) | {"{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"}
_INSIDE = frozenset({qn("w:sdt"), qn("w:sdtContent"), qn("w:ins"), qn("w:moveTo"), qn("w:customXml"), qn("w:smartTag")})


def text_of(element: Element) -> str:
    """Everything one reads in a paragraph: runs, hyperlinks, insertions, formulas."""
    parts: list[str] = []
    stack = [element]
    while stack:
        node = stack.pop()
        if node.tag in _SKIPPED:
            continue
        if node.tag in _TEXT:
            parts.append(node.text or "")
        elif node.tag in _SPACE:
            parts.append(" ")
        elif node.tag == _HYPHEN:
            parts.append("-")
        else:
            stack.extend(reversed(node))
    return "".join(parts)


def children(element: Element, *names: str) -> Iterator[Element]:
    """The children with one of these names, also those wrapped in content controls or insertions."""
    wanted = {qn(name) for name in names}
    stack = list(reversed(element))
    while stack:
        node = stack.pop()
        if node.tag in wanted:
            yield node
        elif node.tag in _INSIDE:
            stack.extend(reversed(node))


def attribute(element: Element, path: str, name: str = "w:val") -> str | None:
    """An attribute of the first descendant at `path` ("w:pPr/w:numPr"), or None."""
    found = element.find("/".join(qn(step) for step in path.split("/")))
    return None if found is None else found.get(qn(name))


def is_on(element: Element, path: str) -> bool:
    """Whether a switch such as `w:b` is there and not turned off."""
    found = element.find("/".join(qn(step) for step in path.split("/")))
    return found is not None and found.get(qn("w:val")) not in ("0", "false", "none")
