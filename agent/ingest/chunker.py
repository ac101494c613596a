"""Cuts a document into chunks of whole sentences, each under its heading path, with exact offsets."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from agent.store.documents import HEADING_JOINT, ChunkSpan, Document
from agent.text.sentences import Kind, Span, split_units

CountTokens = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True, slots=True)
class _Unit:
    span: Span
    tokens: int


@dataclass(slots=True)
class _Section:
    heading: str
    units: list[_Unit] = field(default_factory=list)


class Chunker:
    """Packs sentences, in order, until a chunk is full; neighbours in one section share their edge.

    Args:
        count_tokens: lengths of texts in tokens of the embedding model.
        max_tokens: of a chunk. A single sentence longer than that becomes a chunk of its own.
        overlap_tokens: how much of a chunk's end the next one begins with, in whole sentences.
    """

    def __init__(self, count_tokens: CountTokens, max_tokens: int, overlap_tokens: int) -> None:
        self._count_tokens = count_tokens
        self._max_tokens = max_tokens
        self._overlap_tokens = overlap_tokens

    def split(self, document: Document) -> list[ChunkSpan]:
        """The document's chunks in order. Headings are in the chunks' heading path, not in their text."""
        return [
            _chunk(section.heading, units)
            for section in self._sections(document.text, document.body_start)
            for units in self._pack(section.units)
        ]

    def _sections(self, text: str, begin: int) -> Iterator[_Section]:
        spans = list(split_units(text, begin))
        counts = self._count_tokens([text[span.start : span.end] for span in spans])
        path: list[tuple[int, str]] = []
        section = _Section("")
        for span, tokens in zip(spans, counts, strict=True):
            if span.kind is not Kind.HEADING:
                section.units.append(_Unit(span, tokens))
                continue
            yield section
            line = text[span.start : span.end]
            level = len(line) - len(line.lstrip("#"))
            path = [entry for entry in path if entry[0] < level] + [(level, line.strip("# \t"))]
            section = _Section(HEADING_JOINT.join(name for _, name in path))
        yield section

    def _pack(self, units: Sequence[_Unit]) -> Iterator[list[_Unit]]:
        current: list[_Unit] = []
        fresh = 0
        for unit in units:
            if fresh and sum(part.tokens for part in current) + unit.tokens > self._max_tokens:
                yield current
                current, fresh = self._tail(current, unit.tokens), 0
            current.append(unit)
            fresh += 1
        if fresh:
            yield current

    def _tail(self, units: Sequence[_Unit], next_tokens: int) -> list[_Unit]:
        """The last sentences that fit the overlap, and still fit a chunk with the next sentence."""
        budget = min(self._overlap_tokens, self._max_tokens - next_tokens)
        kept: list[_Unit] = []
        for unit in reversed(units):
            budget -= unit.tokens
            if budget < 0:
                break
            kept.insert(0, unit)
        return kept


def _chunk(heading: str, units: Sequence[_Unit]) -> ChunkSpan:
    return ChunkSpan(
        heading=heading,
        start=units[0].span.start,
        end=units[-1].span.end,
        tokens=sum(unit.tokens for unit in units),
        sentences=tuple((unit.span.start, unit.span.end, unit.span.kind.value) for unit in units),
    )
