"""What is known of a model whose weights are elsewhere."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from agent.engine.adapters import check_fits, fingerprint
from agent.engine.vllm.outline import outline
from agent.load_errors import AdapterMismatch, ModelInvalid
from agent.settings import EMBEDDED_LLM
from tests.agent.engine.tiny import adapter_folder
from tests.conftest import ROOT

BASE = ROOT / EMBEDDED_LLM


def test_adapters_are_told_apart_as_by_the_model_itself(real_models: Path) -> None:
    """The adapter that ships fits, one of another model does not."""
    made = outline(BASE)
    whole = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    assert fingerprint(whole) == fingerprint(made)
    assert made.generation_config.eos_token_id == whole.generation_config.eos_token_id
    provenance = check_fits(ROOT / "adapters" / "smollm2-ask", made, {BASE.name}, fingerprint(made))
    assert provenance is not None
    with pytest.raises(AdapterMismatch):
        check_fits(adapter_folder("a"), made, {BASE.name}, fingerprint(made))


def test_a_folder_without_weights_is_no_model(tmp_path: Path) -> None:
    """It is said at once, not when an adapter is asked for."""
    (tmp_path / "config.json").write_text((BASE / "config.json").read_text())
    with pytest.raises(ModelInvalid):
        outline(tmp_path)
