"""RMS norms in one operation on a GPU, where a model makes six of them."""

import torch
from torch import nn
from torch.nn.functional import rms_norm

# Steps of the number format by which values may differ: the model rounds once more.
_STEPS = 2.0


class FusedNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight (Zhang & Sennrich 2019), with the weight of another module."""

    def __init__(self, weight: nn.Parameter, eps: float) -> None:
        super().__init__()
        self.weight = weight
        self.eps = eps

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """`rows` has shape (..., size), as the result."""
        return rms_norm(rows, self.weight.shape, self.weight, self.eps)


@torch.inference_mode()
def fuse_norms(model: nn.Module) -> int:
    """Replace every norm that computes this, as a trial shows, whatever it is called; how many there were."""
    count = 0
    for owner in [module for module in model.modules() if not isinstance(module, FusedNorm)]:
        for name, child in list(owner.named_children()):
            fused = _fused(child)
            if fused is not None and _same(child, fused):
                setattr(owner, name, fused)
                count += 1
    return count


def _fused(module: nn.Module) -> FusedNorm | None:
    weight = getattr(module, "weight", None)
    eps = getattr(module, "variance_epsilon", getattr(module, "eps", None))
    alone = [name for name, _ in module.named_parameters()] == ["weight"]
    return (
        FusedNorm(weight, eps)
        if alone and isinstance(eps, float) and weight is not None and weight.dim() == 1
        else None
    )


def _same(module: nn.Module, fused: FusedNorm) -> bool:
    weight = fused.weight
    # Of the size at which the epsilon tells, and of usual sizes.
    sizes = torch.tensor([[fused.eps**0.5], [1.0], [50.0]], device=weight.device)
    trial = (torch.randn(3, len(weight), device=weight.device) * sizes).to(weight.dtype)
    tolerance = _STEPS * torch.finfo(weight.dtype).eps
    return torch.allclose(module(trial).float(), fused(trial).float(), rtol=tolerance, atol=tolerance)
