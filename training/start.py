"""The adapter that a training starts from, where it does not start from nothing."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from agent.engine.adapters import CONFIG, WEIGHTS, check_fits, fingerprint
from agent.load_errors import LoadError
from agent.model_source import locate
from agent.settings import Settings
from training.errors import Refused


@dataclass(frozen=True, slots=True)
class Start:
    """Where it is, what its rank and alpha are, and what to remember of it in the provenance of what comes of it."""

    folder: Path
    rank: int
    alpha: int
    origin: dict[str, Any]


def read_start(named: str, base: nn.Module, base_name: str, settings: Settings) -> Start:
    """The adapter `named`, a folder or a Hub id, if it fits `base`.

    Raises:
        Refused: there is none, or it does not fit.
    """
    try:
        folder = locate(named, f"--from-adapter {named}", settings)
        provenance = check_fits(folder, base, {base_name}, fingerprint(base))
    except LoadError as error:
        raise Refused(error.message) from error
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    origin: dict[str, Any] = {
        "adapter": folder.name,
        "weights": hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest(),
    }
    if provenance is not None:
        origin |= {"data": provenance.data, "seed": provenance.seed, "training": dict(provenance.training)}
    return Start(folder, int(config["r"]), int(config["lora_alpha"]), origin)
