"""Layers with packed weights compute what torch's do."""

import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from agent.packed import PackedLinear, can_pack, pack
from tests.agent.engine.tiny import tiny_model
from tests.conftest import ROOT


@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float32, 1e-5), (torch.bfloat16, 2**-7)])
@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 70), inside=st.integers(1, 130), outside=st.integers(1, 130), bias=st.booleans(),
    seed=st.integers(0, 1000),
)  # fmt: skip
def test_a_packed_layer_computes_what_the_layer_does(
    dtype: torch.dtype, allowed: float, rows: int, inside: int, outside: int, bias: bool, seed: int
) -> None:
    """Within the rounding of its number format, for any shape and number of rows."""
    if dtype == torch.bfloat16 and not can_pack(dtype):
        pytest.skip("this processor packs no bfloat16")
    torch.manual_seed(seed)
    layer = nn.Linear(inside, outside, bias=bias, dtype=dtype)
    given_rows = torch.randn(1, rows, inside, dtype=dtype)
    with torch.inference_mode():
        expected, found = layer(given_rows), PackedLinear(layer)(given_rows)
    assert expected.shape == found.shape
    torch.testing.assert_close(found, expected, rtol=allowed, atol=allowed)


def test_compiled_programs_are_kept_in_number_unless_somebody_says_otherwise() -> None:
    """In a process of its own: the libraries read it once."""
    code = (
        "import psutil, torch; from torch import nn; from agent.packed import pack\n"
        f"dtype = {torch.bfloat16 if can_pack(torch.bfloat16) else torch.float32}; torch.set_default_dtype(dtype)\n"
        "layers = nn.Sequential(nn.Linear(576, 1536), nn.Linear(1536, 576))\n"
        "pack(layers); rss = lambda: psutil.Process().memory_info().rss / 2**20\n"
        "with torch.inference_mode():\n"
        "    rows = torch.ones(750, 576); layers(rows); before = rss()\n"
        "    for count in range(1, 750): layers(rows[:count])\n"
        "print(rss() - before)"
    )

    def grown(**changes: str) -> float:
        run = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | changes, cwd=ROOT, capture_output=True, text=True, check=True
        )
        return float(run.stdout)

    many = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "1024", "LRU_CACHE_CAPACITY": "1024"}
    assert 2 * grown() < grown(**many)


def test_every_linear_layer_of_a_model_is_packed_and_it_says_the_same() -> None:
    """Its output layer too, though that shares its weights with the embedding in many models."""
    model, plain = tiny_model(), tiny_model()
    pack(model)
    assert not [name for name, module in model.named_modules() if type(module) is nn.Linear]
    ids = torch.tensor([[1, 2, 3, 4, 5]])
    with torch.inference_mode():
        torch.testing.assert_close(model(ids).logits, plain(ids).logits, rtol=1e-4, atol=1e-4)


def test_what_cannot_be_packed_stays_as_it_is() -> None:
    """A number format that the operation is not used for."""
    model = nn.Sequential(nn.Linear(4, 4, dtype=torch.float64))
    pack(model)
    assert type(model[0]) is nn.Linear
