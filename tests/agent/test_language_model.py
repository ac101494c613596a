"""Which engine the settings ask for."""

import importlib.util

import pytest

from agent.language_model import engine_options, load_language_model
from agent.load_errors import ConfigurationError
from agent.settings import EMBEDDED_LLM, Settings


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_vllm_has_to_be_installed() -> None:
    """What to install is said at once."""
    with pytest.raises(ConfigurationError, match=r"requirements-vllm\.txt"):
        load_language_model(Settings(engine="vllm"))


def test_several_gpus_need_vllm() -> None:
    """They would be left idle unseen."""
    with pytest.raises(ConfigurationError, match="ENGINE=vllm"):
        load_language_model(Settings(tensor_parallel=2))


def test_a_folder_of_adapters_that_is_not_there_is_told_at_the_start() -> None:
    """Not with the first request that names one of them."""
    with pytest.raises(ConfigurationError, match="ADAPTER_FOLDER"):
        engine_options(Settings(base_model=EMBEDDED_LLM, adapter_folder="nowhere"))
