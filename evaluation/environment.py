"""What the numbers were measured on. No host name, no user name, no path: the report is meant to be shown."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.version import VERSIONS
from evaluation.machine import command_line, processor, without_paths

_MEMORY = re.compile(r"^MemTotal:\s*(\d+) kB$", re.MULTILINE)
_GPU = re.compile(r"^Model:\s*(.+)$", re.MULTILINE)


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
        cpu=processor(),
        cores=os.cpu_count(),
        memory_gib=round(int(kib) / 2**20, 1) if (kib := _first(_MEMORY, Path("/proc/meminfo"))) else None,
        gpu=next((_first(_GPU, found) for found in _gpus()), None),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=dict(VERSIONS),
        command=command_line(_this_command() if command is None else command),
        index=index,
        embedder=None if embedder is None else without_paths(embedder),
        settings={name: without_paths(str(value)) for name, value in (settings or {}).items()},
    )


def _this_command() -> list[str]:
    """Which of the machine's interpreters it was says nothing."""
    return [Path(sys.orig_argv[0]).name, *sys.orig_argv[1:]]


def _gpus() -> list[Path]:
    return sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))


def _first(pattern: re.Pattern[str], file: Path) -> str | None:
    try:
        found = pattern.search(file.read_text(encoding="utf-8"))
    except OSError:
        return None
    return found.group(1).strip() if found else None
