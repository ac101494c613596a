"""Keys and values on a GPU, where each sequence lies in one piece."""

from collections.abc import Sequence

import torch
from transformers import PretrainedConfig

from agent.engine.kv_cache import head_shape

# Blocks at once: that much memory is taken for them meanwhile.
_COPIED = 128


class WholeCache:
    """For each layer the keys and the values of `blocks` blocks of `size` tokens, and of the slot `spare`, that of
    rows that only fill up a pass.

    Each tensor has shape (slots, heads, head size). A prefix that several sequences share is copied: that takes a
    millionth of a second for a token, and attention finds each sequence by its first slot and its length.
    """

    def __init__(
        self, config: PretrainedConfig, blocks: int, size: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.size = size
        self.spare = blocks * size
        heads, head_size = head_shape(config)
        layers = config.num_hidden_layers
        self._all = torch.zeros(layers, 2, self.spare + 1, heads, head_size, device=device, dtype=dtype)

    def layer(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Its keys and values."""
        keys, values = self._all[number]
        return keys, values

    def write(self, layer: int, slots: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Put the keys and values of a step's rows, both of shape (heads, rows, head size), into their slots."""
        own_keys, own_values = self.layer(layer)
        own_keys.index_copy_(0, slots, keys.transpose(0, 1))
        own_values.index_copy_(0, slots, values.transpose(0, 1))

    def copy(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Copy blocks, in all layers: of each pair the first into the second; none may be both."""
        layers, _, _, heads, head_size = self._all.shape
        blocks = self._all[:, :, : self.spare].view(layers, 2, -1, self.size * heads * head_size)
        for first in range(0, len(pairs), _COPIED):
            sources, targets = torch.tensor(pairs[first : first + _COPIED]).T.to(self._all.device)
            blocks.index_copy_(2, targets, blocks.index_select(2, sources))
