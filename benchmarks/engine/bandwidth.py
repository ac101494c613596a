"""What reading a model's weights once a token would take at the least."""

import time
from pathlib import Path

import torch
from safetensors import safe_open

_BYTES = 1 << 30
_TIMES = 20


class Bandwidth:
    """That of a GPU's memory, measured by copying within it, against a model's weights.

    Args:
        folder: of the model.
        device: the GPU.
        dtype: in which the weights are read.
    """

    def __init__(self, folder: Path, device: str, dtype: str) -> None:
        source = torch.empty(_BYTES, dtype=torch.uint8, device=device).random_()
        target = torch.empty_like(source)
        target.copy_(source)
        torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(_TIMES):
            target.copy_(source)
        torch.cuda.synchronize()
        # What is read, and what is written.
        self.bytes_per_second = 2 * _BYTES * _TIMES / (time.perf_counter() - began)
        del source, target
        torch.cuda.empty_cache()
        size: int = getattr(torch, dtype).itemsize
        self._weights = _numbers_per_token(folder) * size

    def share(self, tokens_per_second: float) -> float:
        """Of the bandwidth, that one sequence uses by reading all weights for each token."""
        return tokens_per_second * self._weights / self.bytes_per_second


def _numbers_per_token(folder: Path) -> int:
    """Of all weights but an input embedding that is not the output layer too: of that only a row is read."""
    sizes: dict[str, int] = {}
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118 - it is no mapping
                shape = weights.get_slice(name).get_shape()
                sizes[name] = torch.Size(shape).numel()
    untied = any(name.startswith("lm_head") for name in sizes)
    return sum(size for name, size in sizes.items() if not (untied and "embed_tokens" in name))
