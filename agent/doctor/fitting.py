"""Whether adapters fit a base model, of which nothing but its shapes and norms is read."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, AutoModelForCausalLM

from agent.engine.adapters import check_fits, fingerprint
from agent.load_errors import ModelInvalid


class BaseModel:
    """A base model without its large weights.

    Args:
        folder: of the model.
        name: what it is called in the settings.

    Raises:
        ModelInvalid: its configuration, or a header of its weights, cannot be read.
    """

    def __init__(self, folder: Path, name: str) -> None:
        try:
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            from_config: Any = AutoModelForCausalLM.from_config
            with torch.device("meta"):
                self._model: Any = from_config(config, trust_remote_code=False)
            _read_norms(self._model, folder)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as failure:
            raise ModelInvalid("BASE_MODEL cannot be read.", detail=repr(failure)) from failure
        self._names = {name.rstrip("/").rsplit("/", 1)[-1], folder.name}
        self._fingerprint = fingerprint(self._model)

    def check(self, adapter: Path) -> None:
        """Nothing, if it fits.

        Raises:
            AdapterMismatch: as `agent.engine.adapters.check_fits`.
        """
        check_fits(adapter, self._model, self._names, self._fingerprint)


def _read_norms(model: torch.nn.Module, folder: Path) -> None:
    wanted = {name for name, weight in model.named_parameters() if weight.dim() == 1}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            for name in wanted.intersection(file.keys()):
                owner, _, last = name.rpartition(".")
                values = torch.nn.Parameter(file.get_tensor(name), requires_grad=False)
                setattr(model.get_submodule(owner), last, values)
