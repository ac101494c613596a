"""Which norms are replaced, and by what."""

import pytest
import torch
from torch import nn
from transformers.models.gemma.modeling_gemma import GemmaRMSNorm
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from agent.engine.cuda.fused_norm import FusedNorm, fuse_norms


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_norm_gives_what_it_gave(dtype: torch.dtype) -> None:
    """But for the rounding of its number format."""
    norm = LlamaRMSNorm(64, eps=1e-5).to(dtype)
    with torch.no_grad():
        norm.weight.normal_()
    model = nn.Sequential(norm, nn.Linear(64, 64, dtype=dtype))
    rows = torch.randn(1, 9, 64, dtype=dtype)
    with torch.inference_mode():
        before = norm(rows)
        assert 1 == fuse_norms(model)
        torch.testing.assert_close(model[0](rows), before, rtol=2**-7 if dtype is torch.bfloat16 else 1e-5, atol=1e-5)
    assert "0.weight" in dict(model.named_parameters())


def test_what_computes_something_else_stays() -> None:
    """Gemma adds one to the weight; a layer norm subtracts the mean."""
    model = nn.Sequential(GemmaRMSNorm(64), nn.LayerNorm(64, bias=False), nn.Linear(64, 64))
    assert 0 == fuse_norms(model)
    assert not any(isinstance(module, FusedNorm) for module in model.modules())
