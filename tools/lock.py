"""python -m tools.lock: requirements.txt, requirements-cuda.txt and requirements-models.txt, from what we ask for.

Every version and every file's hash is fixed. torch stands apart, with the CUDA libraries that it brings along where
there is a GPU: on another machine the same version is another build, whose hash nobody can know here.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

PYTHON = "3.11"
_UV = ("uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-strip-extras",
       "--generate-hashes", "--python-version", PYTHON)  # fmt: skip
_BLOCK = re.compile(r"^[a-z0-9][^\n]*(?:\n +--hash[^\n]*)*", re.MULTILINE | re.IGNORECASE)
_OF_TORCH = re.compile(r"(torch|triton|nvidia-[\w-]+|cuda-[\w-]+)(\[[^]]*\])?==")
_HEADER = "# Written by `make lock` from {source}; do not edit.\n"


def compiled(source: Path, pins: str, *flags: str) -> list[str]:
    """Each requirement with its hashes; versions of `pins` stay where they can.

    Raises:
        subprocess.CalledProcessError: nothing fits, or there is no package index.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as constraints:
        constraints.write(pins)
        constraints.flush()
        command = [*_UV, str(source), "-c", constraints.name, *flags]
        text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return _BLOCK.findall(text)


def pins_of(files: Sequence[Path]) -> str:
    """The versions that these files fix, one a line."""
    lines = "".join(file.read_text(encoding="utf-8") for file in files if file.exists())
    return "\n".join(re.findall(r"^[\w.-]+(?:\[[^]]*\])?==[\w.]+", lines, re.MULTILINE))


def _write(target: Path, source: Path, blocks: Sequence[str]) -> None:
    target.write_text(_HEADER.format(source=source) + "".join(f"{block}\n" for block in blocks), encoding="utf-8")
    sys.stderr.write(f"Written: {target}, {len(blocks)} packages\n")


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 written, 1 uv failed."""
    parser = argparse.ArgumentParser(prog="python -m tools.lock", description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions of what is not asked for")
    options = parser.parse_args(arguments)
    asked, models = Path("requirements.in"), Path("requirements-models.in")
    everything, cuda, weights = Path("requirements.txt"), Path("requirements-cuda.txt"), Path("requirements-models.txt")
    pins = "" if options.upgrade else pins_of([everything, cuda])
    try:
        blocks = compiled(asked, pins)
        _write(everything, asked, [block for block in blocks if not _OF_TORCH.match(block)])
        _write(cuda, asked, [block for block in blocks if _OF_TORCH.match(block)])
        _write(weights, models, compiled(models, "", "--no-deps", "--universal"))
    except (OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
