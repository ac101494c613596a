"""python -m tools.image_size: how large the image's layers are, by the sizes of the wheels on the package index.

Wheels are compressed, so a layer is larger on a disk, and about so large when it is pulled.
"""

import sys
from pathlib import Path
from typing import Any

import httpx
from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

from agent.settings import EMBEDDED_EMBEDDER, EMBEDDED_LLM
from tools.lock import pins_of

INDEX = "https://pypi.org/simple"
_JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}  # PEP 691, with the sizes of PEP 700
_CODE = ("agent", "handler", "local_server")
_MB = 1_000_000


def wheels_bytes(requirements: Path, client: httpx.Client) -> tuple[int, list[tuple[int, str]]]:
    """The wheels that this interpreter and platform would install: all together, and each, the largest first.

    Raises:
        httpx.HTTPError: the package index cannot be asked.
        ValueError: a package has no wheel here, or the index says no sizes.
    """
    sizes = []
    for pin in pins_of([requirements]).splitlines():
        name, version = pin.split("[")[0].split("==")[0], pin.rsplit("==", 1)[1]
        files = client.get(f"{INDEX}/{name}/", headers=_JSON).raise_for_status().json()["files"]
        sizes.append((_size(files, version, name), name))
    return sum(size for size, _ in sizes), sorted(sizes, reverse=True)


def _size(files: list[dict[str, Any]], version: str, name: str) -> int:
    ranks = {tag: rank for rank, tag in enumerate(sys_tags())}
    fitting = []
    for file in files:
        # Older releases have names that no rule of today allows.
        if not file["filename"].endswith(".whl") or f"-{version}-" not in file["filename"]:
            continue
        _, found, _, tags = parse_wheel_filename(file["filename"])
        if str(found) == version and (known := [ranks[tag] for tag in tags if tag in ranks]):
            fitting.append((min(known), int(file["size"])))
    if fitting:
        return min(fitting)[1]
    sources = [file for file in files if file["filename"].endswith(f"-{version}.tar.gz")]
    if not sources:
        raise ValueError(f"{name}=={version} has no file for this machine.")
    return int(sources[0]["size"])


def _folder_bytes(folder: Path, pattern: str = "*") -> int:
    return sum(path.stat().st_size for path in folder.rglob(pattern) if path.is_file())


def main() -> int:
    """Exit status: 0 printed, 1 the index cannot be asked."""
    rows: list[tuple[str, int, str]] = []
    try:
        with httpx.Client(timeout=60, follow_redirects=True) as client:
            for layer, name in (
                ("torch and CUDA", "requirements-cuda.txt"),
                ("all other packages", "requirements.txt"),
            ):
                total, each = wheels_bytes(Path(name), client)
                largest = ", ".join(f"{package} {size / _MB:.0f}" for size, package in each[:4])
                rows.append((layer, total, f"{name}: {len(each)} packages; {largest}"))
    except (httpx.HTTPError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    models = [(Path(name).name, _folder_bytes(Path(name))) for name in (EMBEDDED_LLM, EMBEDDED_EMBEDDER)]
    about = ", ".join(f"{name} {size / _MB:.0f}" for name, size in models)
    rows.append(
        ("embedded models and adapter", sum(size for _, size in models) + _folder_bytes(Path("adapters")), about)
    )
    rows.append(("code", sum(_folder_bytes(Path(name), "*.py") for name in _CODE), ", ".join(_CODE)))
    sys.stdout.write("| layer | MB | what |\n|---|---|---|\n")
    for layer, size, what in rows:
        sys.stdout.write(f"| {layer} | {size / _MB:,.1f} | {what} |\n")
    sys.stdout.write(f"| together | {sum(size for _, size, _ in rows) / _MB:,.1f} | without the base image |\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
