"""Linear layers whose weights lie as the CPU's matrix multiplication (oneDNN) wants to read them.

A layer of torch hands them over as they are, and they are put in order again at each call; with float32 it calls MKL
instead, which is slow on processors that are not Intel's. The operations are those that torch's own compiler uses when
weights do not change any more (`torch/_inductor/mkldnn_lowerings.py`); they have no public name, so where a release of
torch has none like them, or the processor cannot do them, layers stay as they are.
"""

import os
from functools import cache

import torch
from torch import nn

# Rows for which oneDNN chooses the order: it was as good for one row and for hundreds.
_ROWS = 16
_USED = (torch.bfloat16, torch.float32)
# oneDNN compiles a program for each shape and number of rows, and keeps 1,024 of them; torch keeps as many again. That
# is half a MiB each, which prompts of every length fill, for .4 ms of compiling. The steps of answers need some forty.
_PROGRAMS_KEPT = 64


class PackedLinear(nn.Module):
    """Computes what `linear` does, for any number of rows; `weight` has its shape, but cannot be read."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), _ROWS)
        self.weight = nn.Parameter(packed, requires_grad=False)
        self.bias = linear.bias

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """`rows` has shape (..., in), the result (..., out)."""
        made: torch.Tensor = torch.ops.mkldnn._linear_pointwise(rows, self.weight, self.bias, "none", [], "")
        return made


def pack(model: nn.Module) -> None:
    """Put the weights of every linear layer of a model on the CPU in order, if that is possible; for good."""
    # Both are read at the first use, and there is no other way to tell either.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(_PROGRAMS_KEPT))
    os.environ.setdefault("LRU_CACHE_CAPACITY", str(_PROGRAMS_KEPT))
    # Not the layers themselves: each is to be freed as soon as its weights have been packed.
    for module in [one for one in model.modules() if type(one) is not nn.Linear]:
        for name in [name for name, child in module.named_children() if type(child) is nn.Linear]:
            layer = module.get_submodule(name)
            if isinstance(layer, nn.Linear) and can_pack(layer.weight.dtype):
                setattr(module, name, PackedLinear(layer))


@cache
def can_pack(dtype: torch.dtype) -> bool:
    """Whether this processor and this torch can; bfloat16 takes AVX512 or AVX-NE-CONVERT."""
    if dtype not in _USED:
        return False
    try:
        with torch.inference_mode():
            PackedLinear(nn.Linear(8, 8, dtype=dtype))(torch.ones(1, 8, dtype=dtype))
    except (AttributeError, RuntimeError):
        return False
    return True
