"""Keys and values of all tokens that are in the cache, in memory that is taken once."""

from collections.abc import Sequence

import torch
from transformers import PretrainedConfig

from agent.engine.step import Run


class KVCache:
    """For each layer the keys and the values of `blocks` blocks of `size` tokens.

    Each tensor has shape (heads, blocks * size, head size); a token has one slot in all of them. Heads come first: what
    one head attends to then lies as a matrix multiplication reads it.

    The memory is only promised, and holds anything, until `clear_all` has been called, once and before all else.
    """

    def __init__(
        self, config: PretrainedConfig, blocks: int, size: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.size = size
        heads, head_size = head_shape(config)
        shape = (heads, blocks * size, head_size)
        layers = range(config.num_hidden_layers)
        self._keys = [torch.empty(shape, device=device, dtype=dtype) for _ in layers]
        self._values = [torch.empty(shape, device=device, dtype=dtype) for _ in layers]
        self._first_blocks = torch.arange(heads, device=device)[:, None, None] * blocks

    def write(self, layer: int, slots: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Put the keys and values of a step's rows, both of shape (heads, rows, head size), into their slots."""
        self._keys[layer].index_copy_(1, slots, keys)
        self._values[layer].index_copy_(1, slots, values)

    def clear(self, slots: Sequence[int]) -> None:
        """Put zeros into slots of all layers: what is hidden from a row counts nothing, unless it is no number."""
        places = torch.tensor(slots, device=self._first_blocks.device)
        for whole in (*self._keys, *self._values):
            whole.index_fill_(1, places, 0)

    def clear_all(self) -> None:
        """Put zeros everywhere, so that all of the memory is there: with the threads that the caller computes with, as
        the system takes seconds to hand out a gigabyte on some machines.
        """
        for whole in (*self._keys, *self._values):
            whole.zero_()

    def read(self, layer: int, runs: Sequence[Run]) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of one sequence, shape (heads, tokens, head size): in place if they are in one piece."""
        return _piece(self._keys[layer], runs), _piece(self._values[layer], runs)

    def places(self, blocks: torch.Tensor) -> torch.Tensor:
        """Where in each layer blocks are, head by head: `blocks` of shape (sequences, blocks), the result (heads,
        sequences, blocks).
        """
        return self._first_blocks + blocks

    def gather(self, layer: int, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of several sequences that have the same number of blocks, in `places`; shape (heads,
        sequences, blocks * size, head size).
        """
        keys, values = self._keys[layer], self._values[layer]
        shape = (*places.shape[:2], -1, keys.shape[-1])
        flat = places.flatten()
        # Whole blocks of one head at a time: several times as fast as token by token.
        block = self.size * keys.shape[-1]
        return (
            keys.view(-1, block).index_select(0, flat).view(shape),
            values.view(-1, block).index_select(0, flat).view(shape),
        )


def head_shape(config: PretrainedConfig) -> tuple[int, int]:
    """How many heads have keys and values, and how many numbers each of these has."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(heads), int(size)


def bytes_per_token(config: PretrainedConfig, dtype: torch.dtype) -> int:
    """What one token occupies over all layers."""
    heads, size = head_shape(config)
    return int(2 * config.num_hidden_layers * heads * size * dtype.itemsize)


def _piece(whole: torch.Tensor, runs: Sequence[Run]) -> torch.Tensor:
    if len(runs) == 1:
        return whole[:, slice(*runs[0])]
    return torch.cat([whole[:, slice(*run)] for run in runs], 1)
