"""Model folders in which nothing ends a generation, so that all generate the same number of tokens."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig

# Shapes of models whose weights are random: those of Llama 3.2 1B and 3.1 8B, but for an output of its own.
SHAPES = {
    "1b": {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
           "num_key_value_heads": 8, "vocab_size": 128_256, "tie_word_embeddings": False},
    "8b": {"hidden_size": 4096, "intermediate_size": 14_336, "num_hidden_layers": 32, "num_attention_heads": 32,
           "num_key_value_heads": 8, "vocab_size": 128_256, "tie_word_embeddings": False},
}  # fmt: skip
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
_RANK = 16
_SMALL = 1e-3


def prepare(source: Path, shape: str | None, target: Path) -> Path:
    """`source` without an end, or with its tokenizer and random weights of a `shape`, which count.

    The next token is always the one whose id is the next: so it is known which contexts hold the answer.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    if shape is None:
        for path in source.glob("*.safetensors*"):
            (target / path.name).symlink_to(path.resolve())
        shutil.copy(source / "config.json", target)
    else:
        config = LlamaConfig(**SHAPES[shape], max_position_embeddings=8192)  # type: ignore[arg-type]
        torch.manual_seed(0)
        with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
            model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)  # type: ignore[no-untyped-call]
        _count(model)
        model.save_pretrained(target)
        del model
        torch.cuda.empty_cache()
    for name in _TOKENIZER:
        if (source / name).is_file():
            shutil.copy(source / name, target)
    _change(target / "config.json", bos_token_id=None, eos_token_id=None)
    _change(target / "generation_config.json", bos_token_id=None, eos_token_id=None)
    _change(target / "tokenizer_config.json", eos_token=None)
    return target


@torch.no_grad()
def _count(model: Any) -> None:  # noqa: ANN401 - a Llama
    """What the layers add is made small beside the embedding; the output that fits it best is the next one's."""
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight.mul_(_SMALL)
        layer.mlp.down_proj.weight.mul_(_SMALL)
    model.lm_head.weight.copy_(model.model.embed_tokens.weight.roll(1, dims=0))


def make_adapters(model: Path, count: int, target: Path) -> list[Path]:
    """Adapters of rank 16 for all linear layers, so small that they hardly change what the model says."""
    shutil.rmtree(target, ignore_errors=True)
    with torch.device("meta"):
        base = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(model))  # type: ignore[no-untyped-call]
    folders = []
    for number in range(count):
        lora = get_peft_model(base, LoraConfig(r=_RANK, lora_alpha=_RANK, target_modules="all-linear"))
        lora.to_empty(device="cpu") if number == 0 else None
        torch.manual_seed(number)
        with torch.no_grad():
            for name, weight in lora.named_parameters():
                if "lora_" in name:
                    weight.normal_(std=0.002)
        lora.save_pretrained(str(target / str(number)))
        base = lora.unload()
        folders.append(target / str(number))
    return folders


def _change(path: Path, **values: object) -> None:
    content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    path.write_text(json.dumps(content | values, indent=1), encoding="utf-8")
