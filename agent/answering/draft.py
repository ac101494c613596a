"""A model's draft, read as blocks and claims.

A claim is what is attributed and verified on its own: a sentence of a paragraph, an item, a step, a row. What only
introduces others (a heading, a sentence that ends in a colon) claims nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.schemas import BlockKind
from agent.text.markdown import MarkdownBlock, introduces, parse_markdown
from agent.text.sentences import split_units

# A model may repeat our kind of numbers; the citations are ours to write. Not "items[0]".
_MARK = re.compile(r"(?:\s+|(?<!\w))\[\d+\]")
_LABEL = re.compile(r"^\s*(?:#+\s*)?(?:answer|respuesta)\s*:\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DraftBlock:
    """One block of a draft and its claims; without claims it only introduces the blocks behind it."""

    kind: BlockKind
    text: str
    depth: int
    claims: tuple[str, ...]

    @property
    def introduces(self) -> bool:
        """Whether it claims nothing."""
        return not self.claims


def read_draft(text: str, *, complete: bool) -> list[DraftBlock]:
    """The blocks of a draft. What is said twice is said once; a draft that was cut loses what it was cut in."""
    parsed = parse_markdown(_LABEL.sub("", _MARK.sub("", text), count=1))
    if not complete and parsed:
        parsed = _without_cut(parsed)
    blocks: list[DraftBlock] = []
    said: set[str] = set()
    for block in (part for whole in parsed for part in _without_introduction(whole)):
        claims = () if introduces(block) else _fresh(_claims(block), said)
        if not claims and not introduces(block):
            continue
        body = " ".join(claims) if block.kind == "paragraph" and claims else block.text
        blocks.append(DraftBlock(block.kind, body, block.depth, claims))
    return blocks


def _without_cut(parsed: list[MarkdownBlock]) -> list[MarkdownBlock]:
    last = parsed[-1]
    if last.kind != "paragraph":
        return parsed[:-1]
    kept = " ".join(_sentences(last.text)[:-1])
    return [*parsed[:-1], *([MarkdownBlock("paragraph", kept)] if kept else [])]


def _without_introduction(block: MarkdownBlock) -> list[MarkdownBlock]:
    """A paragraph, and on its own the last sentence of it that introduces what comes: only that claims nothing."""
    sentences = _sentences(block.text) if block.kind == "paragraph" and introduces(block) else []
    if len(sentences) < 2:
        return [block]
    return [replace(block, text=" ".join(sentences[:-1])), replace(block, text=sentences[-1])]


def _fresh(claims: Sequence[str], said: set[str]) -> tuple[str, ...]:
    """The claims that have not been made before, in this block or in one before it; they join `said`."""
    kept = []
    for claim in claims:
        if (key := _key(claim)) not in said:
            said.add(key)
            kept.append(claim)
    return tuple(kept)


def _claims(block: MarkdownBlock) -> list[str]:
    return _sentences(block.text) if block.kind == "paragraph" else [block.text]


def _sentences(text: str) -> list[str]:
    return [text[span.start : span.end] for span in split_units(text)]


def _key(claim: str) -> str:
    return " ".join(re.findall(r"\w+", claim.casefold()))
