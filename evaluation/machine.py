"""The machine and the command of a measurement, with nothing that tells whose they were."""

import platform
import re
import shlex
from collections.abc import Sequence
from pathlib import Path, PurePath

_MODEL_NAME = re.compile(r"^model name\s*:\s*(.+)$", re.MULTILINE)
# From the root, the home or a parent folder: it tells where on whose machine.
_PRIVATE_PATH = re.compile(r"(?<![\w.:/-])(?:~[\w.-]*|\.\.|)/[^\s,=:;'\"]*")


def processor() -> str | None:
    """Its name, or None where it cannot be found out."""
    try:
        found = _MODEL_NAME.search(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        found = None
    return found.group(1).strip() if found else platform.processor() or None


def command_line(arguments: Sequence[str]) -> str:
    """As it is typed, without private paths."""
    return shlex.join(without_paths(argument) for argument in arguments)


def without_paths(text: str) -> str:
    """The text, with every path from the root, the home or a parent folder cut down to its last name."""
    head, equals, tail = text.rpartition("=")
    if tail.startswith(("/", "~", "../")):  # one path, whatever white space it holds
        tail = PurePath(tail).name
    return f"{_cut(head)}{equals}{_cut(tail)}"


def _cut(text: str) -> str:
    return _PRIVATE_PATH.sub(lambda found: PurePath(found.group()).name, text)
