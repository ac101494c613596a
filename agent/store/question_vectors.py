"""The vectors of questions that are known before anybody asks: embedded when a store is built, read when it is opened.

The file is named after the questions, so another version of them never gets the vectors of these.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agent.store.vectors import Vectors

PREFIX = "questions-"


def write_question_vectors(folder: Path, questions: Sequence[str], vectors: Vectors) -> None:
    """Write `vectors`, shape (questions, dimension).

    Raises:
        OSError: the file cannot be written.
    """
    with _path(folder, questions).open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(vectors))
        file.write(vectors.tobytes())


def read_question_vectors(folder: Path, questions: Sequence[str]) -> Vectors | None:
    """The vectors of just these questions, shape (questions, dimension); None where the build has none."""
    try:
        vectors: Vectors = np.load(_path(folder, questions), allow_pickle=False)
    except FileNotFoundError:
        return None
    return vectors


def _path(folder: Path, questions: Sequence[str]) -> Path:
    digest = hashlib.blake2b("\0".join(questions).encode(), digest_size=6).hexdigest()
    return folder / f"{PREFIX}{digest}.npy"
