"""Attention of a step's rows to the KV cache, as an implementation that transformers lets one register.

A model that uses it gets the step as a keyword of its forward; transformers hands keywords that it does not know on to
the attention (`AttentionInterface`, "Attention backends" in its documentation), and makes no mask for it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from agent.engine.bundle import Bundle, bundles, sees
from agent.engine.kv_cache import KVCache
from agent.engine.step import Step

NAME = "askpod"
# Rows of a block, and scores of one head in it: they stay in the cache of a core.
_FEWEST_ROWS = 16
_MOST_ROWS = 128
_MOST_SCORES = 65536


@dataclass(frozen=True, slots=True)
class Parts:
    """How the spans of a step are attended to.

    Attributes:
        together: bundles, and where in the cache the blocks of each are.
        alone: the numbers of the other spans.
    """

    together: Sequence[tuple[Bundle, torch.Tensor]]
    alone: Sequence[int]


@dataclass(frozen=True, slots=True)
class Attending:
    """What the attention of one pass needs to know, and what one of its layers has found out for the others."""

    cache: KVCache
    step: Step
    _parts: dict[int | None, Parts] = field(default_factory=dict)
    _masks: dict[tuple[int, int | None], torch.Tensor] = field(default_factory=dict)

    def parts(self, window: int | None, like: torch.Tensor) -> Parts:
        """Which spans are attended to together, and which alone; `window` and `like` as of `bundles`."""
        if window not in self._parts:
            together = bundles(self.step, window, like)
            alone = set(range(len(self.step.spans))).difference(*(bundle.spans for bundle in together))
            placed = [(bundle, self.cache.places(bundle.blocks)) for bundle in together]
            self._parts[window] = Parts(placed, sorted(alone))
        return self._parts[window]

    def mask(self, number: int, window: int | None, device: torch.device) -> torch.Tensor | None:
        """True where a row of a span sees a token, shape (rows, tokens); None where that follows from the shapes."""
        span = self.step.spans[number]
        if window is None and (span.start == 0 or len(span.tokens) == 1):
            return None
        if (number, window) not in self._masks:
            rows = torch.arange(span.start, span.end, device=device)[:, None]
            self._masks[number, window] = sees(rows, torch.arange(span.end, device=device), window)
        return self._masks[number, window]


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    attending: Attending,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **others: Any,  # noqa: ANN401 - whatever else a model hands to its attention
) -> tuple[torch.Tensor, None]:
    """Attention of each row to all rows of its sequence up to itself.

    `query` has shape (1, heads, rows, head size), `key` and `value` (1, key heads, rows, head size); the result
    (1, rows, heads, head size). Sequences that go on by a few tokens are attended to together where they are about as
    long, others one by one: the work grows with the sequences, not with their square.

    Raises:
        NotImplementedError: the model wants more of its attention than this.
    """
    refuse_more(attention_mask, others)
    cache, step, layer = attending.cache, attending.step, int(module.layer_idx)  # type: ignore[arg-type]
    cache.write(layer, step.slots, key[0], value[0])
    _, heads, rows, size = query.shape
    scale = size**-0.5 if scaling is None else scaling
    out = query.new_empty(rows, heads, size)
    parts = attending.parts(sliding_window, query)
    for bundle, places in parts.together:
        asked, known = query[0, :, bundle.rows], cache.gather(layer, places)
        out[bundle.rows] = _attend_together(asked, *known, bundle.bias, scale)
    for number in parts.alone:
        start, end = step.rows[number]
        asked, known = query[0, :, start:end], cache.read(layer, step.runs[number])
        narrow = sliding_window is not None and step.spans[number].end > sliding_window
        if not narrow and _pays_in_blocks(asked):
            out[start:end] = _attend_in_blocks(asked, *known, scale)
        else:
            mask = attending.mask(number, sliding_window if narrow else None, query.device)
            out[start:end] = _attend_one(asked, *known, mask, scale)
    return out[None], None


def refuse_more(attention_mask: torch.Tensor | None, others: Mapping[str, Any]) -> None:
    """Raises NotImplementedError: a model wants more of its attention than any of ours does."""
    unknown = [name for name in ("softcap", "s_aux") if others.get(name) is not None]
    if unknown or attention_mask is not None:
        raise NotImplementedError(f"attention with {unknown or 'a mask'}")


def _attend_together(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, bias: torch.Tensor, scale: float
) -> torch.Tensor:
    """A few rows of each of several sequences: `query` of shape (heads, sequences, rows, size), `keys` and `values`
    (key heads, sequences, tokens, size), `bias` (sequences, 1, rows, tokens); (sequences, rows, heads, size).
    """
    heads, sequences, rows, size = query.shape
    key_heads, _, tokens, _ = keys.shape
    # The queries that share a key head are rows of one multiplication.
    shared = (query * scale).view(key_heads, -1, sequences, rows, size).transpose(1, 2)
    scores = torch.bmm(shared.reshape(key_heads * sequences, -1, size), keys.flatten(0, 1).transpose(1, 2))
    scores.view(key_heads, sequences, -1, rows, tokens).add_(bias)
    found = torch.bmm(scores.softmax(-1), values.flatten(0, 1))
    return found.view(key_heads, sequences, -1, rows, size).permute(1, 3, 0, 2, 4).reshape(sequences, rows, heads, size)


def _attend_one(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None, scale: float
) -> torch.Tensor:
    """The last rows of a sequence: `query` of shape (heads, rows, size), `keys` and `values` (key heads, tokens, size);
    (rows, heads, size).
    """
    heads, rows, size = query.shape
    if rows == 1:
        # The queries that share a key head stand where rows would: nothing has to be copied for them.
        shared = query.view(1, keys.shape[0], -1, size)
        return scaled_dot_product_attention(shared, keys[None], values[None], mask, scale=scale).view(1, heads, size)
    whole = rows == keys.shape[1] and mask is None
    found = scaled_dot_product_attention(
        query[None], keys[None], values[None], mask, is_causal=whole, scale=scale, enable_gqa=True
    )
    return found[0].transpose(0, 1)


def _pays_in_blocks(query: torch.Tensor) -> bool:
    """Where torch's attention is slower: with many rows of bfloat16 on a CPU."""
    return query.shape[1] >= _FEWEST_ROWS and query.dtype == torch.bfloat16 and query.device.type == "cpu"


def _attend_in_blocks(query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scale: float) -> torch.Tensor:
    """As `_attend_one`, a block of rows at a time with the tokens that it can see.

    Scores are rounded to bfloat16 before the softmax, as in transformers' own attention ("eager"); the scale goes into
    the query first.
    """
    heads, rows, size = query.shape
    key_heads, tokens, _ = keys.shape
    before = tokens - rows
    shared = (query * scale).view(key_heads, -1, rows, size)
    out = query.new_empty(rows, heads, size)
    block = max(_FEWEST_ROWS, min(_MOST_ROWS, _MOST_SCORES // tokens))
    later = torch.ones(block, block, dtype=torch.bool).triu(1)
    for start in range(0, rows, block):
        end = min(start + block, rows)
        seen, some = before + end, shared[:, :, start:end].reshape(key_heads, -1, size)
        scores = torch.bmm(some, keys[:, :seen].transpose(1, 2)).view(heads, end - start, seen)
        scores[:, :, before + start :].masked_fill_(later[: end - start, : end - start], -math.inf)
        found = torch.bmm(scores.softmax(-1).view(key_heads, -1, seen), values[:, :seen])
        out[start:end] = found.view(heads, end - start, size).transpose(0, 1)
    return out


AttentionInterface.register(NAME, attend)
