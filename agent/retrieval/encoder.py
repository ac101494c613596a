"""What turns texts into vectors inside an embedder."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from agent.store.vectors import Vectors


class Encoder(Protocol):
    """A model of a folder in sentence-transformers' format."""

    dimension: int
    prompts: Mapping[str, str]

    def encode(self, texts: Sequence[str], batch: int) -> Vectors:
        """One normalised vector a text, shape (len(texts), dimension)."""

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Length of each text in tokens, without special tokens."""


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; an empty one where there is no such file.

    Raises:
        ValueError: it is none.
        OSError: it cannot be read.
    """
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} is no object")
    return content
