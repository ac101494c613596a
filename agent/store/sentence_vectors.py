"""The vectors of the sentences, read by mmap: a question touches those of the few chunks that were found."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.store.vectors import Vectors

# Half precision: 1e-3 of a cosine, for half the disk.
Stored = NDArray[np.float16]


def write_sentence_vectors(path: Path, blocks: Iterable[Vectors], rows: int, dimension: int) -> None:
    """Write the blocks one after the other; together they have `rows` rows of length `dimension`.

    Raises:
        OSError: the file cannot be written.
    """
    written = 0
    # Not through a mapping: a full disk would end the process with SIGBUS.
    with path.open("wb") as file:
        header = {"descr": "<f2", "fortran_order": False, "shape": (rows, dimension)}
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            file.write(block.astype("<f2").tobytes())
            written += len(block)
    assert written == rows, f"{written} of {rows} sentence vectors"


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
