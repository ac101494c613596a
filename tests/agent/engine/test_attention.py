"""Attention to the cache gives what torch's attention gives each sequence alone."""

import pytest
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import LlamaConfig

from agent.engine.attention import Attending, attend
from agent.engine.kv_cache import KVCache
from agent.engine.step import Span, Step

BLOCK, HEADS, KEY_HEADS, SIZE = 8, 4, 2, 16
CONFIG = LlamaConfig(
    hidden_size=HEADS * SIZE, num_attention_heads=HEADS, num_key_value_heads=KEY_HEADS, num_hidden_layers=1
)
# How many tokens each sequence has, and how many of them are new.
MIXED = ((30, 1), (28, 1), (9, 1), (31, 4), (29, 2), (60, 20), (40, 40), (340, 300))


@pytest.mark.parametrize("window", [None, 1, 5, 16, 100])
@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_every_sequence_of_a_step_is_attended_to_as_if_it_was_alone(
    window: int | None, dtype: torch.dtype, allowed: float
) -> None:
    """One row or many, in blocks that are not side by side, whatever is in the rest of the cache, in any window."""
    torch.manual_seed(0)
    blocks = sum(-(-length // BLOCK) for length, _new in MIXED)
    cache = KVCache(CONFIG, blocks, BLOCK, torch.device("cpu"), dtype)
    cache.clear_all()
    nothing = torch.full((KEY_HEADS, blocks * BLOCK, SIZE), float("nan"), dtype=dtype)
    cache.write(0, torch.arange(blocks * BLOCK), nothing, nothing)
    free = list(range(blocks))[::-1]
    owned = [[free.pop() for _ in range(-(-length // BLOCK))][::-1] for length, _new in MIXED]
    known = [torch.randn(3, max(HEADS, KEY_HEADS), length, SIZE).to(dtype) for length, _new in MIXED]

    before = Step(
        [Span([0] * length, 0, own, None, 0) for (length, _new), own in zip(MIXED, owned, strict=True)], BLOCK
    )
    cache.clear(before.behind)
    step = Step(
        [Span([0] * new, length - new, own, None, 0) for (length, new), own in zip(MIXED, owned, strict=True)], BLOCK
    )
    keys, values = (torch.cat([one[kind, :KEY_HEADS] for one in known], 1) for kind in (1, 2))
    cache.write(0, before.slots, keys, values)
    new_rows = [slice(length - new, length) for length, new in MIXED]
    query, key, value = (
        torch.cat([one[kind, :heads, rows] for one, rows in zip(known, new_rows, strict=True)], 1)[None]
        for kind, heads in ((0, HEADS), (1, KEY_HEADS), (2, KEY_HEADS))
    )
    layer = nn.Module()
    layer.layer_idx = 0  # type: ignore[assignment]
    found, _ = attend(
        layer, query, key, value, None, attending=Attending(cache, step), scaling=SIZE**-0.5, sliding_window=window
    )

    for (first, end), (length, new), one in zip(step.rows, MIXED, known, strict=True):
        rows, tokens = torch.arange(length - new, length)[:, None], torch.arange(length)[None]
        seen = (tokens <= rows) & (tokens > rows - (window or length))
        alone = scaled_dot_product_attention(
            one[0, :HEADS, length - new :].float(),
            *(one[kind, :KEY_HEADS].float().repeat_interleave(2, 0) for kind in (1, 2)),
            seen,
        )
        torch.testing.assert_close(found[0, first:end].float(), alone.transpose(0, 1), rtol=allowed, atol=allowed)
