"""Which engine the settings ask for."""

import importlib.util

import pytest

from agent.errors import ConfigurationError
from agent.language_model import load_language_model
from agent.settings import Settings


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_vllm_has_to_be_installed() -> None:
    """What to install is said at once."""
    with pytest.raises(ConfigurationError, match=r"requirements-vllm\.txt"):
        load_language_model(Settings(engine="vllm"))


def test_several_gpus_need_vllm() -> None:
    """They would be left idle unseen."""
    with pytest.raises(ConfigurationError, match="ENGINE=vllm"):
        load_language_model(Settings(tensor_parallel=2))
