"""Cuts a document into chunks of whole blocks, each under its heading path, with exact offsets."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from agent.store.documents import ChunkSpan
from agent.text.blocks import TextBlock
from agent.text.sentences import Span

CountTokens = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True, slots=True)
class _Unit:
    span: Span
    tokens: int


class Chunker:
    """Packs the blocks of a section, in order, until a chunk is full.

    A block that is larger than a chunk is cut between its sentences, and the pieces share their edge.

    Args:
        count_tokens: lengths of texts in tokens of the embedding model.
        max_tokens: of a chunk. A single sentence longer than that becomes a chunk of its own.
        overlap_tokens: how much of a piece's end the next one begins with, in whole sentences.
    """

    def __init__(self, count_tokens: CountTokens, max_tokens: int, overlap_tokens: int) -> None:
        self._count_tokens = count_tokens
        self._max_tokens = max_tokens
        self._overlap_tokens = overlap_tokens

    def split(self, text: str, blocks: Sequence[TextBlock]) -> list[ChunkSpan]:
        """The chunks of a document in order. Headings are in the chunks' heading path, not in their text."""
        spans = [unit for block in blocks for unit in block.units]
        counts = iter(self._count_tokens([text[span.start : span.end] for span in spans]))
        measured = [(block, [_Unit(unit, next(counts)) for unit in block.units]) for block in blocks]
        chunks = []
        for (_, heading), section in groupby(measured, key=lambda entry: (entry[0].section, entry[0].heading)):
            chunks += [_chunk(heading, units) for units in self._pack([units for _, units in section])]
        return chunks

    def _pack(self, blocks: Sequence[list[_Unit]]) -> Iterator[list[_Unit]]:
        current: list[_Unit] = []
        for units in blocks:
            size = sum(unit.tokens for unit in units)
            if current and sum(unit.tokens for unit in current) + size > self._max_tokens:
                yield current
                current = []
            if size <= self._max_tokens:
                current = current + units
            else:
                yield from self._cut(units)
        if current:
            yield current

    def _cut(self, units: Sequence[_Unit]) -> Iterator[list[_Unit]]:
        """Pieces of a block that is larger than a chunk."""
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
