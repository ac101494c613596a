"""What a model says behind the rows of a step."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Scores:
    """Of some rows, in order.

    Attributes:
        logits: shape (rows, vocabulary).
        likeliest: the likeliest token of each row.
        logprobs: of these.
    """

    logits: torch.Tensor
    likeliest: Sequence[int]
    logprobs: Sequence[float]


def likeliest(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The likeliest token of each row of `logits` and its log-probability, both of shape (rows,)."""
    # In single precision: a CPU takes several times as long for half of it.
    values = logits.float()
    tokens = values.argmax(-1)
    return tokens, values.log_softmax(-1).gather(-1, tokens[:, None])[:, 0]


def score(logits: torch.Tensor) -> Scores:
    """All rows of `logits` at once: one by one that takes several operations for each."""
    tokens, logprobs = likeliest(logits)
    return Scores(logits, tokens.tolist(), logprobs.tolist())
