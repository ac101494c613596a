"""Names in `.env` and in the environment that were meant as settings and are none; they would be ignored silently."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from dotenv import dotenv_values
from pydantic_settings import BaseSettings

# Of the letters: the environment is full of names that are none of ours, a file that we read is not.
_NEAR = 0.9
# DB_HOST is not HOST.
_NEAR_IN_FILE = 0.82
# What `.env` may say to others: to libraries, to the platform, to docker compose, to examples/client_test.py. The
# emulated platform's settings are told by whoever knows them, which the handler does not.
_OTHERS = tuple(
    "ASKPOD_ COMPOSE_ CUDA_ DOCKER_ FORWARDED_ALLOW_IPS HF_ HTTP_PROXY HTTPS_PROXY HUGGING_FACE_ NCCL_ NO_PROXY "
    "NVIDIA_ OMP_ OTEL_ PIP_ PLATFORM_ PYTHON PYTORCH_ RUNPOD_ TOKENIZERS_ TORCH_ TRANSFORMERS_ VLLM_".split()
)
# A secret of several lines that has lost its quotes reads like names, too, and is not to be repeated in a log.
_NAME = re.compile(r"[A-Z][A-Z0-9_]{1,39}|[a-z][a-z0-9_]{1,39}")


@dataclass(frozen=True, slots=True)
class UnknownName:
    """A name that is no setting.

    Attributes:
        name: as it is written.
        place: where it is written.
        meant: the setting that it is nearest to; empty where none is near.
    """

    name: str
    place: str
    meant: str

    def __str__(self) -> str:
        question = f"; did you mean {self.meant}?" if self.meant else "."
        return f"{self.name} in {self.place} is no setting{question}"


def unknown_names(*classes: type[BaseSettings]) -> list[UnknownName]:
    """What looks like a setting of these classes and is none, sorted by name; case is ignored, as theirs is.

    Of `.env` it is every name that is not another program's, of the environment what is nearly a setting's name or
    has the prefix of ours.
    """
    configs = [settings.model_config for settings in classes]
    prefixes = tuple(config["env_prefix"].upper() for config in configs if config["env_prefix"])
    names = (
        f"{config['env_prefix']}{field}".upper()
        for config, settings in zip(configs, classes, strict=True)
        for field in settings.model_fields
    )
    known = {_letters(name): name for name in names}
    found: dict[str, UnknownName] = {}
    for file in {Path(str(config["env_file"])) for config in configs if config["env_file"]}:
        for name in _names_in(file):
            is_ours = name.upper().startswith(prefixes) or not name.upper().startswith(_OTHERS)
            if _nearest(name, known, _NEAR) or (is_ours and _NAME.fullmatch(name)):
                found[name.upper()] = UnknownName(name, file.name, _nearest(name, known, _NEAR_IN_FILE))
    for name in os.environ:
        meant = _nearest(name, known, _NEAR)
        if meant or name.upper().startswith(prefixes):
            found.setdefault(name.upper(), UnknownName(name, "the environment", meant))
    return [found[name] for name in sorted(found.keys() - known.values())]


def _names_in(file: Path) -> list[str]:
    values = dotenv_values(file, encoding="utf-8", interpolate=False) if file.is_file() else {}
    return [name for name, value in values.items() if value is not None]


def _nearest(name: str, known: Mapping[str, str], near: float) -> str:
    matches = get_close_matches(_letters(name), known, 1, near)
    return known[matches[0]] if matches else ""


def _letters(name: str) -> str:
    return name.upper().replace("_", "")
