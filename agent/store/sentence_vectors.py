"""The vectors of the sentences, read by mmap: a question touches those of the few chunks that were found."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.store.vectors import Vectors

# Half precision: 1e-3 of a cosine, for half the disk.
Stored = NDArray[np.float16]


def write_sentence_vectors(path: Path, blocks: Iterable[Vectors], rows: int, dimension: int) -> None:
    """Write the blocks one after the other; together they have `rows` rows of length `dimension`."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(rows, dimension))
    at = 0
    for block in blocks:
        array[at : at + len(block)] = block
        at += len(block)
    assert at == rows, f"{at} of {rows} sentence vectors"
    array.flush()


class SentenceVectors:
    """Read access; safe from several threads."""

    def __init__(self, path: Path) -> None:
        # An empty file cannot be mapped; allow_pickle is off, so the header is all that is parsed.
        self._array: Stored = np.load(path, mmap_mode="r", allow_pickle=False)

    def __len__(self) -> int:
        return len(self._array)

    def get(self, ids: Sequence[int]) -> Vectors:
        """The vectors of these sentences, shape (len(ids), dimension)."""
        return np.asarray(self._array[np.asarray(ids, dtype=np.int64)], dtype=np.float32)
