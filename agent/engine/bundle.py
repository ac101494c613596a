"""Sequences of about the same length that go on by a few tokens, so that they can be attended to together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from agent.engine.step import Step

# A token of a generation with its guesses, or a short rest of a prompt.
_MOST_ROWS = 16
# None has to be filled up by more than a third of its own length.
_ALIKE = 0.75


@dataclass(frozen=True, slots=True)
class Bundle:
    """What each layer needs to know of them.

    Attributes:
        spans: their numbers in the step.
        rows: their rows of the step, each filled up with its own last one, shape (sequences, most rows).
        blocks: their blocks, each filled up with its own first one, shape (sequences, most blocks).
        bias: 0 where a row sees a token, else minus infinity, shape (sequences, 1, most rows, most tokens).
    """

    spans: Sequence[int]
    rows: torch.Tensor
    blocks: torch.Tensor
    bias: torch.Tensor


def bundles(step: Step, window: int | None, like: torch.Tensor) -> list[Bundle]:
    """Of a step's spans, but for those that would be alone in theirs; the biases are of the kind of `like`.

    `window` is how many tokens a row sees at most; None for all.
    """
    return [_bundle(step, group, window, like) for group in _groups(step) if len(group) > 1]


def _groups(step: Step) -> Iterator[list[int]]:
    """Those with one row apart from those with several: each row costs as much as the longest."""
    spans = step.spans
    few = [number for number, span in enumerate(spans) if len(span.tokens) <= _MOST_ROWS]
    for single in (True, False):
        group: list[int] = []
        same = (number for number in few if (len(spans[number].tokens) == 1) is single)
        for number in sorted(same, key=lambda number: -spans[number].end):
            if group and spans[number].end < _ALIKE * spans[group[0]].end:
                yield group
                group = []
            group.append(number)
        yield group


def _bundle(step: Step, numbers: Sequence[int], window: int | None, like: torch.Tensor) -> Bundle:
    spans = [step.spans[number] for number in numbers]
    most_rows, most_blocks = max(len(span.tokens) for span in spans), max(step.blocks_of(span) for span in spans)
    rows, blocks, positions = [], [], []
    for number, span in zip(numbers, spans, strict=True):
        first, end = step.rows[number]
        filled = [min(row, end - 1) for row in range(first, first + most_rows)]
        rows.append(filled)
        positions.append([span.start + row - first for row in filled])
        own = list(span.blocks[: step.blocks_of(span)])
        blocks.append(own + own[:1] * (most_blocks - len(own)))
    device = like.device
    at = torch.tensor(positions, device=device)[:, None, :, None]
    hidden = ~sees(at, torch.arange(most_blocks * step.size, device=device), window)
    bias = torch.zeros(hidden.shape, dtype=like.dtype, device=device).masked_fill_(hidden, -torch.inf)
    return Bundle(numbers, torch.tensor(rows, device=device), torch.tensor(blocks, device=device), bias)


def sees(rows: torch.Tensor, tokens: torch.Tensor, window: int | None) -> torch.Tensor:
    """Whether a row at a position sees the token at another: itself and those before it, in a window only the last."""
    seen = tokens <= rows
    return seen if window is None else seen & (tokens > rows - window)
