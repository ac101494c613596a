"""Attention of a step's rows to the whole sequences of a GPU's cache, by torch's FlashAttention, in one operation.

Sequences are told to it by where they begin among the rows and among the slots (`torch.nn.attention.varlen`), each next
one where the one before it ends. Between those of a step lie slots of others: they are told as sequences of which no
row asks anything.
"""

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface, PretrainedConfig

from agent.engine.kv_cache import head_shape
from agent.engine.whole_cache import WholeCache

# Not "flash": transformers looks for its own kernels under such names.
NAME = "askpod-whole"
# Ampere: the first that it is made for; and the largest head.
_CAPABILITY = (8, 0)
_LARGEST_HEAD = 256
# From torch 2.12 on it has to be told that heads share keys.
_SHARED_KEYS: dict[str, Any] = {"enable_gqa": True} if "enable_gqa" in inspect.signature(varlen_attn).parameters else {}


@dataclass(frozen=True, slots=True)
class Sequences:
    """Where the sequences of a pass are.

    Attributes:
        cache: of the model.
        slots: of each row, shape (rows,).
        among_rows: where each sequence begins and ends among the rows, shape (2 * sequences,), int32.
        among_slots: where each begins and ends in the cache, likewise, in the cache's order.
        most_rows: of a sequence; at least 2, as one row alone is told in another way.
        most_slots: of a sequence.
        single: each sequence has one row; `among_rows` then counts the heads that share a key head as rows.
    """

    cache: WholeCache
    slots: torch.Tensor
    among_rows: torch.Tensor
    among_slots: torch.Tensor
    most_rows: int
    most_slots: int
    single: bool


def possible(config: PretrainedConfig, device: torch.device, dtype: torch.dtype) -> bool:
    """Whether this GPU, number format and model can use it."""
    if device.type != "cuda" or torch.version.hip or torch.cuda.get_device_capability(device) < _CAPABILITY:
        return False
    _, size = head_shape(config)
    return dtype in (torch.bfloat16, torch.float16) and size % 8 == 0 and size <= _LARGEST_HEAD


def attend_whole(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    attending: Sequences,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **others: Any,  # noqa: ANN401 - whatever else a model hands to its attention
) -> tuple[torch.Tensor, None]:
    """As `agent.engine.attention.attend`."""
    unknown = [name for name in ("softcap", "s_aux") if others.get(name) is not None]
    if unknown or attention_mask is not None:
        raise NotImplementedError(f"attention with {unknown or 'a mask'}")
    layer = int(module.layer_idx)  # type: ignore[arg-type]
    attending.cache.write(layer, attending.slots, key[0], value[0])
    keys, values = attending.cache.layer(layer)
    rows = query[0].transpose(0, 1)
    if attending.single:
        # The heads that share a key head see the same tokens, so they can be rows: more of them in one block.
        count, heads, size = rows.shape
        shared = rows.reshape(count, keys.shape[1], -1, size).transpose(1, 2).flatten(0, 1)
        found = _varlen(shared, keys, values, attending, heads // keys.shape[1], scale=scaling)
        return found.view(count, -1, keys.shape[1], size).transpose(1, 2).reshape(1, count, heads, size), None
    window = (-1 if sliding_window is None else sliding_window - 1, 0)
    found = _varlen(
        rows, keys, values, attending, attending.most_rows, scale=scaling, window_size=window, **_SHARED_KEYS
    )
    return found[None], None


def _varlen(
    rows: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    attending: Sequences,
    most_rows: int,
    **options: Any,  # noqa: ANN401 - of `varlen_attn`
) -> torch.Tensor:
    where = attending.among_rows, attending.among_slots, most_rows, attending.most_slots
    found: Any = varlen_attn(rows, keys, values, *where, **options)
    attended: torch.Tensor = found
    return attended


AttentionInterface.register(NAME, attend_whole)
