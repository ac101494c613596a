"""What adapters are checked against where the model itself is in other processes: its shapes, and its norms."""

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig, PreTrainedModel

from agent.load_errors import ModelInvalid


def outline(folder: Path) -> PreTrainedModel:
    """The model of a folder without its weights, but for the one-dimensional ones, which tell it from others
    (`agent.engine.adapters.fingerprint`).

    Raises:
        ModelInvalid: there is none, or it has no safetensors.
    """
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        with torch.device("meta"):
            model: PreTrainedModel = AutoModelForCausalLM.from_config(config, trust_remote_code=False)  # type: ignore[no-untyped-call]
        wanted = {name for name, weight in model.named_parameters() if weight.dim() == 1}
        found: dict[str, torch.Tensor] = {}
        for path in sorted(folder.glob("*.safetensors")):
            with safe_open(path, framework="pt") as weights:
                found |= {name: weights.get_tensor(name) for name in wanted.intersection(weights.keys())}
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ModelInvalid("BASE_MODEL cannot be loaded.", detail=repr(error)) from error
    if missing := wanted - found.keys():
        raise ModelInvalid("BASE_MODEL has no safetensors with its weights.", detail=min(missing))
    if (folder / "generation_config.json").is_file():
        model.generation_config = GenerationConfig.from_pretrained(folder)
    model.load_state_dict(found, strict=False, assign=True)
    return model
