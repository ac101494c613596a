"""LoRA adapters on disk: what they are called, and whether they fit the base model."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from agent.engine.provenance import Provenance
from agent.load_errors import AdapterMismatch

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"

KEY = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])(?:\.\w+)?\.weight$")


def check_fits(folder: Path, base: nn.Module, base_names: set[str], base_fingerprint: str) -> Provenance | None:
    """Refuse an adapter that was made for another base model, before any of its weights is used; its provenance.

    `base_names` are the names the base is known by, `base_fingerprint` is what `fingerprint` made of it when no adapter
    had been applied. An adapter trained from a local path says nothing about the name;
    then its provenance decides, and where it has none, the shapes.

    Raises:
        AdapterMismatch: it declares another base or rank, was trained on other weights, targets modules that the base
            lacks or that have other shapes, or adds more than A and B to linear layers.
    """
    config = _read_config(folder)
    declared = str(config.get("base_model_name_or_path") or "")
    if re.fullmatch(r"[\w.-]+/[\w.-]+", declared) and not Path(declared).exists():
        name = declared.rsplit("/", 1)[-1].casefold()
        if name not in {known.casefold() for known in base_names}:
            raise AdapterMismatch("An adapter was made for another base model.", detail=f"{folder.name}: {declared}")
    _check_plain(config, folder.name)
    modules, ranks = dict(base.named_modules()), _ranks(config)
    for key, shape in _shapes(folder).items():
        match = KEY.fullmatch(key)
        if match is None:
            continue
        if not _fits(modules, match["module"], match["side"], shape):
            raise AdapterMismatch("An adapter does not fit the base model's layers.", detail=f"{folder.name}: {key}")
        if shape[0 if match["side"] == "A" else 1] not in ranks:
            raise AdapterMismatch(f"An adapter has another rank than its {CONFIG}.", detail=f"{folder.name}: {key}")
    provenance = Provenance.read(folder)
    if provenance is not None and provenance.base_fingerprint != base_fingerprint:
        raise AdapterMismatch("An adapter was trained on other weights than BASE_MODEL has.", detail=folder.name)
    return provenance


def fingerprint(base: nn.Module) -> str:
    """SHA-256 of the names and values of a model's one-dimensional weights.

    These are the norms: any training changes them; sharding, another dtype and quantisation leave them as they are (in
    bfloat16, as which they are compared).
    """
    digest = hashlib.sha256()
    for name, weight in base.named_parameters():
        if weight.dim() == 1:
            digest.update(name.encode())
            digest.update(weight.detach().to("cpu", torch.bfloat16).view(torch.int16).numpy().tobytes())
    return digest.hexdigest()


def rank_of(folder: Path) -> int:
    """The largest rank of an adapter's layers.

    Raises:
        AdapterMismatch: its configuration says nothing about that.
    """
    ranks = _ranks(_read_config(folder))
    if not all(isinstance(rank, int) for rank in ranks):
        raise AdapterMismatch(f"An adapter has no rank in its {CONFIG}.", detail=folder.name)
    return int(max(ranks))


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AdapterMismatch(f"An adapter has no readable {CONFIG}.", detail=folder.name) from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise AdapterMismatch("An adapter is not a LoRA adapter.", detail=folder.name)
    return config


def _check_plain(config: Mapping[str, Any], name: str) -> None:
    """Refuse what adds something else than A and B, which would be left out unseen."""
    extras = [what for what in ("use_dora", "modules_to_save", "lora_bias", "fan_in_fan_out") if config.get(what)]
    if config.get("bias", "none") != "none":
        extras.append("bias")
    if extras:
        raise AdapterMismatch("An adapter is of a kind that this engine cannot run.", detail=f"{name}: {extras}")


def _ranks(config: Mapping[str, Any]) -> set[Any]:
    pattern = config.get("rank_pattern")
    return {config.get("r"), *(pattern.values() if isinstance(pattern, dict) else ())}


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
