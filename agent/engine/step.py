"""What goes through the model at once: a few tokens of each of several sequences, one behind the other in one row."""

from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field
from itertools import accumulate

import torch

Run = tuple[int, int]


@dataclass(slots=True)
class Span:
    """One request's tokens in a step.

    Attributes:
        tokens: what goes in, at the positions from `start` on.
        start: how many tokens of the sequence are in the cache already.
        blocks: where its keys and values are, these tokens' included, each block's tokens in order.
        adapter: whose weights apply; None for the base model.
        wanted: of how many of the last tokens the logits are wanted.
        copies: blocks of others that hold its beginning, and its own that get it before the step runs.
    """

    tokens: SequenceOf[int]
    start: int
    blocks: SequenceOf[int]
    adapter: str | None
    wanted: int
    copies: SequenceOf[tuple[int, int]] = ()

    @property
    def end(self) -> int:
        """How many tokens are in the cache when the step is done."""
        return self.start + len(self.tokens)


@dataclass(slots=True)
class Step:
    """The spans of one pass, and where in the cache and in the row each token is.

    Attributes:
        spans: in the order of their rows.
        size: tokens of a block.
        rows: first and behind-the-last row of each span.
        runs: for each span the pieces of the cache that hold its tokens: first slot and behind-the-last slot.
        slots: the slot of each row, shape (rows,).
        behind: the slots behind the last token of each sequence that comes into its last block in this step: whatever
            an earlier sequence left there must not be read with the block.
    """

    spans: SequenceOf[Span]
    size: int
    rows: list[Run] = field(default_factory=list)
    runs: list[list[Run]] = field(default_factory=list)
    slots: torch.Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.long))
    behind: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        slots: list[int] = []
        for span in self.spans:
            self.rows.append((len(slots), len(slots) + len(span.tokens)))
            size = self.size
            slots.extend(span.blocks[at // size] * size + at % size for at in range(span.start, span.end))
            self.runs.append(_runs(span, size))
            last = self.blocks_of(span) - 1
            if last * size >= span.start:
                self.behind.extend(range(self.runs[-1][-1][1], (span.blocks[last] + 1) * size))
        self.slots = torch.tensor(slots)

    def ids(self) -> torch.Tensor:
        """The tokens, shape (1, rows)."""
        return torch.tensor([[token for span in self.spans for token in span.tokens]])

    def positions(self) -> torch.Tensor:
        """Where each token stands in its sequence, shape (1, rows)."""
        return torch.tensor([[at for span in self.spans for at in range(span.start, span.end)]])

    def blocks_of(self, span: Span) -> int:
        """How many blocks hold a span's sequence, without those that it has for later."""
        return -(-span.end // self.size)

    def routes(self) -> list[tuple[str, Run]]:
        """Which rows an adapter applies to; neighbours with the same adapter are one."""
        routes: list[tuple[str, Run]] = []
        for span, (start, end) in zip(self.spans, self.rows, strict=True):
            if span.adapter is None:
                continue
            if routes and routes[-1][0] == span.adapter and routes[-1][1][1] == start:
                routes[-1] = (span.adapter, (routes[-1][1][0], end))
            else:
                routes.append((span.adapter, (start, end)))
        return routes


def wanted_rows(spans: SequenceOf[Span]) -> torch.Tensor:
    """The rows of a step of which logits are wanted, in order, shape (wanted,)."""
    ends = accumulate(len(span.tokens) for span in spans)
    rows = [row for span, end in zip(spans, ends, strict=True) for row in range(end - span.wanted, end)]
    return torch.tensor(rows, dtype=torch.long)


def _runs(span: Span, size: int) -> list[Run]:
    runs: list[Run] = []
    left = span.end
    for block in span.blocks:
        if left <= 0:
            break
        start, length = block * size, min(size, left)
        if runs and runs[-1][1] == start:
            runs[-1] = (runs[-1][0], start + length)
        else:
            runs.append((start, start + length))
        left -= length
    return runs
