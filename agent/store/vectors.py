"""The FAISS index: exact inner product over normalised vectors, that is cosine."""

import threading
from collections.abc import Sequence
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

_THREAD = threading.local()


def write_vectors(path: Path, vectors: Vectors) -> None:
    """Write `vectors`, shape (chunks, dimension), L2-normalised, as an exact index."""
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors, dtype=np.float32))
    faiss.write_index(index, str(path))


class VectorIndex:
    """Read access; safe from several threads. The file's hash must have been verified: FAISS trusts its input."""

    def __init__(self, path: Path) -> None:
        self._index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_READ_ONLY)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, query: Vectors, k: int, among: Sequence[int] | None = None) -> list[tuple[int, float]]:
        """The `k` chunks with the highest cosine to `query`, shape (dimension,), best first.

        `among` keeps the search to these ids.
        """
        if not getattr(_THREAD, "ready", False):
            # FAISS brings an OpenMP pool of its own, and counts its threads per calling thread: more than one
            # would fight with torch's (faiss issue 2731).
            faiss.omp_set_num_threads(1)
            _THREAD.ready = True
        options = None
        if among is not None:
            options = faiss.SearchParameters(sel=faiss.IDSelectorBatch(np.asarray(among, dtype=np.int64)))  # type: ignore[call-arg]
        scores, ids = self._index.search(query.reshape(1, -1), min(k, len(self)), params=options)
        return [(int(i), float(s)) for i, s in zip(ids[0], scores[0], strict=True) if i >= 0]
