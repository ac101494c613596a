"""Copies into the image the models, adapters and the store that its settings name, and nothing else.

Run by the Dockerfile, before any code of Askpod is in the image: the standard library, and huggingface_hub where the
build downloads.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
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
# What no loader of Askpod reads: other formats of the weights, and pictures.
_UNREAD_ENDINGS = "bin pt pth ckpt h5 msgpack onnx gguf ot tflite png jpg".split()
_UNREAD_FOLDERS = "onnx openvino coreml original".split()


class NotInContext(Exception):
    """A setting names a folder that no source has."""


class NotDownloaded(Exception):
    """The Hub does not give it."""


class Hub:
    """Where a Hub id is downloaded from, at the build.

    Args:
        token: a file with the token, as a BuildKit secret is one; where there is none, public models can be had.
    """

    def __init__(self, token: Path) -> None:
        self._token = token.read_text(encoding="utf-8").strip() if token.is_file() else ""

    def fetch(self, hub_id: str, target: Path) -> int:
        """Download into `target` what a loader reads, and return how many bytes that is.

        Raises:
            NotDownloaded: it cannot be had.
        """
        # The image keeps all libraries offline; this is the one place that may ask.
        os.environ["HF_HUB_OFFLINE"] = "0"
        from huggingface_hub import snapshot_download

        unread = [*(f"*.{ending}" for ending in _UNREAD_ENDINGS), *(f"{folder}/*" for folder in _UNREAD_FOLDERS)]
        with tempfile.TemporaryDirectory() as cache:
            try:
                # `local_dir` would leave notes of its own beside the model.
                found = snapshot_download(hub_id, token=self._token or False, cache_dir=cache, ignore_patterns=unread)
            except (OSError, ValueError) as error:
                reason = f"{hub_id} could not be downloaded, {type(error).__name__}"
                raise NotDownloaded(f"{reason}: look at its name, and at the secret hf_token") from error
            return _copy(Path(found), target)


def named_paths(value: str) -> list[str]:
    """The paths in a setting's value: `path`, or `name=path,name=path`, or nothing."""
    return [part.rpartition("=")[2].strip() for part in value.split(",") if part.strip()]


def bake(value: str, sources: Sequence[Path], target: Path, hub: Hub | None = None) -> Iterable[str]:
    """Copy each folder that `value` names from the first source that has it; yield one line of report for each.

    A Hub id is downloaded to the folder of its name, where the setting finds it as a folder; without a `hub` it is left
    to the start.

    Raises:
        NotInContext: it is neither in a source, nor an absolute path, nor a Hub id.
        NotDownloaded: the Hub does not give it.
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
        elif not _HUB_ID.fullmatch(path) or Path(path).parts[0] in _CONTEXT_FOLDERS:
            raise NotInContext(f"{path} is no folder of the build context, or .dockerignore keeps it out")
        elif hub is not None:
            yield f"{path} is baked from the Hub, {hub.fetch(path, target / path) / 1e6:.1f} MB"
        else:
            yield f"{path} is not baked: this Hub id is looked for when the container starts"


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
    """Exit status: 0 done, 2 a setting names what neither the build context nor the Hub has."""
    parser = argparse.ArgumentParser(prog="bake.py", description=__doc__)
    parser.add_argument("--source", type=Path, action="append", required=True, help="where folders may lie; repeatable")
    parser.add_argument("--target", type=Path, required=True, help="the image's working directory")
    parser.add_argument("--download", choices=("true", "false"), default="false", help="bake Hub ids as well")
    parser.add_argument("--token", type=Path, default=Path("/run/secrets/hf_token"), help="file with the Hub's token")
    parser.add_argument("settings", nargs="*", metavar="SETTING=VALUE")
    options = parser.parse_args(arguments)
    settings = dict(setting.split("=", 1) for setting in options.settings)
    if settings.get("LORA_MODEL") == _AUTO:
        settings["LORA_MODEL"] = _SHIPPED.get(settings.get("BASE_MODEL", ""), "")
    hub = Hub(options.token) if options.download == "true" else None
    for name, value in settings.items():
        try:
            for line in bake(value, options.source, options.target, hub):
                sys.stderr.write(f"{name}: {line}\n")
        except (NotInContext, NotDownloaded) as error:
            sys.stderr.write(f"{name}: {error}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
