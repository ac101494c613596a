"""What the numbers were measured on. No host name, no user name, no path: the report is meant to be shown."""

import os
import platform
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath

from agent.version import VERSIONS

_MODEL_NAME = re.compile(r"^model name\s*:\s*(.+)$", re.MULTILINE)
_MEMORY = re.compile(r"^MemTotal:\s*(\d+) kB$", re.MULTILINE)
_GPU = re.compile(r"^Model:\s*(.+)$", re.MULTILINE)
# From the root, the home or a parent folder: it tells where on whose machine.
_PRIVATE_PATH = re.compile(r"(?<![\w.:/-])(?:~[\w.-]*|\.\.|)/[^\s,=:;'\"]*")


@dataclass(frozen=True, slots=True)
class Environment:
    """The machine, the moment, the versions and the choices. None is what could not be found out."""

    cpu: str | None
    cores: int | None
    memory_gib: float | None
    gpu: str | None
    date: str
    versions: Mapping[str, str]
    command: str
    index: str | None
    embedder: str | None
    settings: Mapping[str, str]


def environment(
    *,
    index: str | None = None,
    embedder: str | None = None,
    settings: Mapping[str, object] | None = None,
    command: Sequence[str] | None = None,
) -> Environment:
    """This machine, now. Of a path in the command or in a setting only the name stays.

    Args:
        index: the id of the index that was searched.
        embedder: the name of its embedder.
        settings: the settings worth reporting; secrets do not belong there.
        command: the arguments; this process's own when left out.
    """
    return Environment(
        cpu=_first(_MODEL_NAME, Path("/proc/cpuinfo")) or platform.processor() or None,
        cores=os.cpu_count(),
        memory_gib=round(int(kib) / 2**20, 1) if (kib := _first(_MEMORY, Path("/proc/meminfo"))) else None,
        gpu=next((_first(_GPU, found) for found in _gpus()), None),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=dict(VERSIONS),
        command=_command(sys.orig_argv if command is None else command),
        index=index,
        embedder=None if embedder is None else without_paths(embedder),
        settings={name: without_paths(str(value)) for name, value in (settings or {}).items()},
    )


def without_paths(text: str) -> str:
    """The text, with every path from the root, the home or a parent folder cut down to its last name."""
    head, equals, tail = text.rpartition("=")
    if tail.startswith(("/", "~", "../")):  # one path, whatever white space it holds
        tail = PurePath(tail).name
    return f"{_cut(head)}{equals}{_cut(tail)}"


def _cut(text: str) -> str:
    return _PRIVATE_PATH.sub(lambda found: PurePath(found.group()).name, text)


def _command(arguments: Sequence[str]) -> str:
    return shlex.join(without_paths(argument) for argument in arguments)


def _gpus() -> list[Path]:
    return sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))


def _first(pattern: re.Pattern[str], file: Path) -> str | None:
    try:
        found = pattern.search(file.read_text(encoding="utf-8"))
    except OSError:
        return None
    return found.group(1).strip() if found else None
