"""Attention of a step's rows to the whole sequences of a GPU's cache, by torch's FlashAttention, in one operation.

Sequences are told to it by where they begin among the rows and among the slots (`torch.nn.attention.varlen`), each next
one where the one before it ends. What lies between those of a step is told as a sequence of which no row asks anything;
nothing of that is looked at, so it does not matter that it may have less than no slots.
"""

import inspect
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface, PretrainedConfig

from agent.engine.attention import refuse_more
from agent.engine.cuda.whole_cache import WholeCache
from agent.engine.kv_cache import head_shape

# Not "flash": transformers looks for its own kernels under such names.
NAME = "askpod-whole"
# Ampere: the first that it is made for; and the largest head.
_CAPABILITY = (8, 0)
_LARGEST_HEAD = 256
# Releases of torch after 2.11 have to be told that heads share keys.
_SHARED_KEYS: dict[str, Any] = {"enable_gqa": True} if "enable_gqa" in inspect.signature(varlen_attn).parameters else {}


@dataclass(frozen=True, slots=True)
class Sequences:
    """Where the sequences of a pass are.

    Attributes:
        cache: of the model.
        slots: of each row, shape (rows,).
        among_rows: where each sequence begins and ends among the rows, shape (2 * sequences,), int32.
        among_slots: where each begins and ends in the cache, likewise.
        most_rows: of a sequence; 1 means that each has one.
        most_slots: of a sequence.
    """

    cache: WholeCache
    slots: torch.Tensor
    among_rows: torch.Tensor
    among_slots: torch.Tensor
    most_rows: int
    most_slots: int
    _among_heads: dict[int, torch.Tensor] = field(default_factory=dict)

    def among_heads(self, sharing: int) -> torch.Tensor:
        """As `among_rows`, where each row stands for so many heads."""
        if sharing not in self._among_heads:
            self._among_heads[sharing] = self.among_rows * sharing
        return self._among_heads[sharing]


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
    refuse_more(attention_mask, others)
    layer = int(module.layer_idx)  # type: ignore[arg-type]
    attending.cache.write(layer, attending.slots, key[0], value[0])
    keys, values = attending.cache.layer(layer)
    rows = query[0].transpose(0, 1)
    found: Any
    if attending.most_rows == 1 and sliding_window is None:
        # The heads that share a key head see the same tokens, so they can be rows, four of which take no longer than
        # one; with 128 sequences that is four times as fast.
        count, heads, size = rows.shape
        sharing = heads // keys.shape[1]
        shared = rows.reshape(count, keys.shape[1], sharing, size).transpose(1, 2).flatten(0, 1)
        where = attending.among_heads(sharing), attending.among_slots, sharing, attending.most_slots
        found = varlen_attn(shared, keys, values, *where, scale=scaling)
        return found.view(count, sharing, keys.shape[1], size).transpose(1, 2).reshape(1, count, heads, size), None
    # Told that it was at most one row, the operation would want one of each sequence, those with none too.
    where = attending.among_rows, attending.among_slots, max(2, attending.most_rows), attending.most_slots
    window = (-1 if sliding_window is None else sliding_window - 1, 0)
    found = varlen_attn(rows, keys, values, *where, scale=scaling, window_size=window, **_SHARED_KEYS)
    return found[None], None


AttentionInterface.register(NAME, attend_whole)
