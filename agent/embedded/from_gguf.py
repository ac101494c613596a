"""A language model of a GGUF file as a transformers folder in bfloat16."""

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig


def convert_gguf(folder: Path, gguf_file: str, hub_id: str, target: Path) -> None:
    """Dequantise `gguf_file` of `folder` into `target`, a folder that does not exist yet.

    Args:
        folder: of the GGUF file.
        gguf_file: its name.
        hub_id: the model's name on the Hub, which the configuration keeps.
        target: the new folder: configuration, tokenizer with its chat template, and safetensors.

    Raises:
        OSError, ValueError: the file cannot be read.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=gguf_file)
    model = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=gguf_file, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
    )
    # The weights are plain numbers now; a left-over quantization config would make every loader look for GGUF again.
    model.hf_quantizer = None  # type: ignore[assignment]
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    config = target / "config.json"
    content = json.loads(config.read_text(encoding="utf-8"))
    content.pop("_model_name_or_path", None)
    config.write_text(json.dumps(content | {"_name_or_path": hub_id}, indent=2) + "\n", encoding="utf-8")
