"""LoRA adapters: which ones, where they are, and whether they fit the base model."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import nn

from agent.errors import AdapterMismatch, ConfigurationError
from agent.model_source import locate
from agent.settings import Settings

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KEY = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])(?:\.\w+)?\.weight$")


def adapter_folders(settings: Settings) -> dict[str, Path]:
    """Name and folder of each adapter in LORA_MODEL, in order; the first is the default.

    Raises:
        ConfigurationError: a name is not valid or comes twice.
        ModelNotFound: an adapter is nowhere.
    """
    folders: dict[str, Path] = {}
    for entry in filter(None, (part.strip() for part in settings.lora_model.split(","))):
        name, separator, value = entry.partition("=")
        if not separator:
            name, value = entry.rstrip("/").rsplit("/", 1)[-1], entry
        if not _NAME.fullmatch(name) or name in folders:
            raise ConfigurationError("LORA_MODEL has an adapter name that is not valid or comes twice.", detail=name)
        folders[name] = locate(value, "LORA_MODEL", settings)
    return folders


def check_fits(folder: Path, base: nn.Module, base_names: set[str]) -> None:
    """Refuse an adapter that was made for another base model, before any of its weights is used.

    `base_names` are the names the base is known by. An adapter trained from a local path says nothing about the name;
    then only the shapes decide.

    Raises:
        AdapterMismatch: it declares another base, or targets modules that the base lacks or that have other shapes.
    """
    config = _read_config(folder)
    declared = str(config.get("base_model_name_or_path") or "")
    if re.fullmatch(r"[\w.-]+/[\w.-]+", declared) and not Path(declared).exists():
        name = declared.rsplit("/", 1)[-1].casefold()
        if name not in {known.casefold() for known in base_names}:
            raise AdapterMismatch("An adapter was made for another base model.", detail=f"{folder.name}: {declared}")
    modules = dict(base.named_modules())
    for key, shape in _shapes(folder).items():
        match = _KEY.fullmatch(key)
        if match is not None and not _fits(modules, match["module"], match["side"], shape):
            raise AdapterMismatch("An adapter does not fit the base model's layers.", detail=f"{folder.name}: {key}")


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AdapterMismatch(f"An adapter has no readable {CONFIG}.", detail=folder.name) from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise AdapterMismatch("An adapter is not a LoRA adapter.", detail=folder.name)
    return config


def _shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Shapes from the header only; nothing is loaded. Other formats than safetensors can hold code and are refused."""
    try:
        with safe_open(folder / WEIGHTS, "pt") as file:
            return {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise AdapterMismatch(f"An adapter has no readable {WEIGHTS}.", detail=folder.name) from error


def _fits(modules: Mapping[str, nn.Module], name: str, side: str, shape: tuple[int, ...]) -> bool:
    weight = getattr(modules.get(name), "weight", None)
    if weight is None or len(shape) != 2:
        return False
    # A is (rank, in), B is (out, rank); a linear layer's weight is (out, in).
    return bool(shape[1] == weight.shape[1] if side == "A" else shape[0] == weight.shape[0])
