"""Attention of a step's rows to the KV cache, as an implementation that transformers lets one register.

A model that uses it gets the step as a keyword of its forward; transformers hands keywords that it does not know on to
the attention (`AttentionInterface`, "Attention backends" in its documentation), and makes no mask for it.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from agent.engine.kv_cache import KVCache
from agent.engine.step import Step

NAME = "askpod"
# Rows of a block, and scores of one head in it: they stay in the cache of a core.
_FEWEST_ROWS = 16
_MOST_ROWS = 128
_MOST_SCORES = 65536


@dataclass(frozen=True, slots=True)
class Attending:
    """What the attention of one pass needs to know."""

    cache: KVCache
    step: Step


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
    (1, rows, heads, head size). Sequences that go on by one token are attended to together where they are about as
    long, others one by one: the work grows with the sequences, not with their square.

    Raises:
        NotImplementedError: the model wants more of its attention than this.
    """
    unknown = [name for name in ("softcap", "s_aux") if others.get(name) is not None]
    if unknown or attention_mask is not None:
        raise NotImplementedError(f"attention with {unknown or 'a mask'}")
    cache, step, layer = attending.cache, attending.step, int(module.layer_idx)  # type: ignore[arg-type]
    cache.write(layer, step.slots, key[0].transpose(0, 1), value[0].transpose(0, 1))
    _, heads, rows, size = query.shape
    out = query.new_empty(rows, heads, size)
    done: set[int] = set()
    for bundle in step.bundles(query.device, sliding_window):
        keys, values = cache.gather(layer, bundle.slots)
        out[bundle.rows] = _attend_together(query[0, :, bundle.rows], keys, values, bundle.seen, scaling)
        done.update(bundle.spans)
    for number, (start, end) in enumerate(step.rows):
        if number in done:
            continue
        keys, values = cache.read(layer, step.runs[number])
        if _pays_in_blocks(query, end - start) and (sliding_window is None or step.spans[number].end <= sliding_window):
            out[start:end] = _attend_in_blocks(query[0, :, start:end], keys, values, scaling)
            continue
        mask = _mask(step, number, sliding_window, query.device)
        out[start:end] = _attend_one(query[:, :, start:end], keys, values, mask, scaling)
    return out[None], None


def _attend_together(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None, scaling: float | None
) -> torch.Tensor:
    """One row of each sequence: `query` of shape (heads, sequences, size), `keys` and `values` (sequences * tokens, key
    heads, size); (sequences, heads, size).
    """
    heads, sequences, size = query.shape
    across, with_values = (known.view(sequences, -1, *known.shape[1:]).transpose(1, 2) for known in (keys, values))
    # The queries that share a key head stand where rows would: nothing has to be copied for them.
    shared = query.transpose(0, 1).reshape(sequences, keys.shape[1], -1, size)
    found = scaled_dot_product_attention(shared, across, with_values, mask, scale=scaling)
    return found.reshape(sequences, heads, size)


def _attend_one(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None, scaling: float | None
) -> torch.Tensor:
    """`query` of shape (1, heads, rows, size), `keys` and `values` (tokens, key heads, size); (rows, heads, size)."""
    rows = query.shape[2]
    if rows == 1:
        return _attend_together(query[0], keys, values, mask, scaling)
    across, with_values = keys.transpose(0, 1)[None], values.transpose(0, 1)[None]
    whole = rows == keys.shape[0] and mask is None
    found = scaled_dot_product_attention(
        query, across, with_values, mask, is_causal=whole, scale=scaling, enable_gqa=True
    )
    return found[0].transpose(0, 1)


def _pays_in_blocks(query: torch.Tensor, rows: int) -> bool:
    """Where torch's attention is slower: with many rows of bfloat16 on a CPU."""
    return rows >= _FEWEST_ROWS and query.dtype == torch.bfloat16 and query.device.type == "cpu"


def _attend_in_blocks(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scaling: float | None
) -> torch.Tensor:
    """The last rows of a sequence to all before them: `query` of shape (heads, rows, size), `keys` and `values`
    (tokens, key heads, size); (rows, heads, size).

    A block of rows at a time, with the few keys that it can see: scores of bfloat16, and their softmax, are made as
    transformers' own attention ("eager") makes them.
    """
    heads, rows, size = query.shape
    tokens, key_heads, _ = keys.shape
    before = tokens - rows
    shared = (query * (size**-0.5 if scaling is None else scaling)).view(key_heads, -1, rows, size)
    across, with_values = keys.permute(1, 2, 0), values.transpose(0, 1)
    out = query.new_empty(rows, heads, size)
    block = max(_FEWEST_ROWS, min(_MOST_ROWS, _MOST_SCORES // tokens))
    later = torch.ones(block, block, dtype=torch.bool).triu(1)
    for start in range(0, rows, block):
        end = min(start + block, rows)
        seen, some = before + end, shared[:, :, start:end].reshape(key_heads, -1, size)
        scores = torch.bmm(some, across[:, :, :seen]).view(heads, end - start, seen)
        scores[:, :, before + start :].masked_fill_(later[: end - start, : end - start], -math.inf)
        found = torch.bmm(scores.softmax(-1).view(key_heads, -1, seen), with_values[:, :seen])
        out[start:end] = found.view(heads, end - start, size).transpose(0, 1)
    return out


def _mask(step: Step, number: int, window: int | None, device: torch.device) -> torch.Tensor | None:
    """True where a row sees a token, shape (rows, tokens); None where that follows from the shapes."""
    span = step.spans[number]
    narrow = window is not None and span.end > window
    if not narrow and (span.start == 0 or len(span.tokens) == 1):
        return None
    wanted = (number, window if narrow and window is not None else 0)
    if wanted not in step.masks:
        rows = torch.arange(span.start, span.end, device=device)[:, None]
        tokens = torch.arange(span.end, device=device)[None, :]
        mask = tokens <= rows
        if narrow and window is not None:
            mask &= tokens > rows - window
        step.masks[wanted] = mask
    return step.masks[wanted]


AttentionInterface.register(NAME, attend)
