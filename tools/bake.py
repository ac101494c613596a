"""Copies into the image the models, adapters and the store that its settings name, and nothing else.

Run by the Dockerfile, before any code of Askpod is in the image: the standard library only.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
# As BASE_MODEL: no language model.
_NO_MODEL = "none"
# As LORA_MODEL: the adapter that ships for BASE_MODEL, if one does.
_AUTO = "auto"
_SHIPPED = {"models/SmolLM2-135M-Instruct": "adapters/smollm2-ask"}
# What the build context can hold (see .dockerignore); `models/mine` looks like a Hub id and is none.
_CONTEXT_FOLDERS = ("models", "adapters", "rag_store")


class NotInContext(Exception):
    """A setting names a folder that no source has."""


def named_paths(value: str) -> list[str]:
    """The paths in a setting's value: `path`, or `name=path,name=path`, or nothing."""
    return [part.rpartition("=")[2].strip() for part in value.split(",") if part.strip()]


def bake(value: str, sources: Sequence[Path], target: Path) -> Iterable[str]:
    """Copy each folder that `value` names from the first source that has it; yield one line of report for each.

    Raises:
        NotInContext: it is neither in a source, nor an absolute path, nor a Hub id.
    """
    for path in named_paths(value):
        if path == _NO_MODEL:
            yield "nothing is baked"
            continue
        if Path(path).is_absolute():
            yield f"{path} is not baked: it is looked for when the container starts"
            continue
        if ".." in Path(path).parts:
            raise NotInContext(f"{path} leaves the build context")
        found = next((source / path for source in sources if (source / path).is_dir()), None)
        if found is not None:
            yield f"{path} is baked, {_copy(found, target / path) / 1e6:.1f} MB"
        elif _HUB_ID.fullmatch(path) and Path(path).parts[0] not in _CONTEXT_FOLDERS:
            yield f"{path} is not baked: this Hub id is looked for when the container starts"
        else:
            raise NotInContext(f"{path} is no folder of the build context, or .dockerignore keeps it out")


def _copy(folder: Path, target: Path) -> int:
    """Copy files without their modes: a model that only its owner may read is useless to the image's user."""
    size = 0
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            copy = target / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            copy.chmod(0o644)
            size += copy.stat().st_size
    return size


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 a setting names a folder that is not in the build context."""
    parser = argparse.ArgumentParser(prog="bake.py", description=__doc__)
    parser.add_argument("--source", type=Path, action="append", required=True, help="where folders may lie; repeatable")
    parser.add_argument("--target", type=Path, required=True, help="the image's working directory")
    parser.add_argument("settings", nargs="*", metavar="SETTING=VALUE")
    options = parser.parse_args(arguments)
    settings = dict(setting.split("=", 1) for setting in options.settings)
    if settings.get("LORA_MODEL") == _AUTO:
        settings["LORA_MODEL"] = _SHIPPED.get(settings.get("BASE_MODEL", ""), "")
    for name, value in settings.items():
        try:
            for line in bake(value, options.source, options.target):
                sys.stderr.write(f"{name}: {line}\n")
        except NotInContext as error:
            sys.stderr.write(f"{name}: {error}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
