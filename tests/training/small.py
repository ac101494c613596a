"""A base model that is trained in a second: a few thousand weights, with the embedded model's tokenizer."""

import shutil
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from agent.settings import EMBEDDED_LLM
from tests.conftest import ROOT

_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")


def small_base(seed: int = 0) -> LlamaForCausalLM:
    """The model, the same for the same seed; its norms differ from those of another seed."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=49152, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=2048, eos_token_id=2, bos_token_id=1, tie_word_embeddings=True,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() == 1:
                weight.copy_(1 + 0.1 * torch.randn(weight.shape))
    return model


def save_small_base(folder: Path) -> Path:
    """The model and the embedded model's tokenizer in `folder`."""
    small_base().save_pretrained(str(folder))
    for name in _TOKENIZER:
        if (ROOT / EMBEDDED_LLM / name).is_file():
            shutil.copy(ROOT / EMBEDDED_LLM / name, folder / name)
    return folder


def untrained_adapter(folder: Path, rank: int) -> Path:
    """An adapter for it as peft makes one."""
    model = get_peft_model(small_base(), LoraConfig(r=rank, target_modules="all-linear", task_type="CAUSAL_LM"))
    model.peft_config["default"].base_model_name_or_path = ""
    model.save_pretrained(str(folder))
    return folder
