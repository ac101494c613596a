"""The FAISS index over the chunks' vectors: inner product over normalised vectors, that is cosine."""

import errno
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

import faiss
import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
IndexType = Literal["flat", "hnsw"]

# Up to here every vector is compared, which is exact; beyond, a graph is searched (Malkov & Yashunin 2018,
# arXiv 1603.09320), which reads a few thousand of them.
EXACT_LIMIT = 50_000
_HNSW_LINKS = 32
_HNSW_BUILD_BREADTH = 80
_HNSW_SEARCH_BREADTH = 128

_THREAD = threading.local()


def index_type_for(chunks: int) -> IndexType:
    """What to build for so many chunks."""
    return "flat" if chunks <= EXACT_LIMIT else "hnsw"


def write_vectors(path: Path, vectors: Vectors, index_type: IndexType) -> None:
    """Write `vectors`, shape (chunks, dimension), L2-normalised.

    Raises:
        OSError: the file cannot be written.
    """
    if index_type == "flat":
        index: Any = faiss.IndexFlatIP(vectors.shape[1])
    else:
        index = faiss.IndexHNSWFlat(vectors.shape[1], _HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = _HNSW_BUILD_BREADTH
    index.add(np.ascontiguousarray(vectors, dtype=np.float32))
    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:
        raise OSError(errno.EIO, "no space, or no right to write", str(path)) from error


class VectorIndex:
    """Read access; safe from several threads. The file's hash must have been verified: FAISS trusts its input."""

    def __init__(self, path: Path) -> None:
        # faiss is typed in part only: what an index has besides `search` depends on its class.
        self._index = cast(Any, faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC | faiss.IO_FLAG_READ_ONLY))
        graph = hasattr(self._index, "hnsw")
        # The graph keeps the vectors in an exact index; a search among some of them goes there.
        self._exact: Any = faiss.downcast_index(self._index.storage) if graph else self._index
        self.type: IndexType = "hnsw" if graph else "flat"

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, query: Vectors, k: int, among: Sequence[int] | None = None) -> list[tuple[int, float]]:
        """The `k` chunks with the highest cosine to `query`, shape (dimension,), best first.

        `among` keeps the search to these ids, and makes it exact.
        """
        _use_one_thread()
        index, options = self._exact, None
        if among is not None:
            options = faiss.SearchParameters(sel=faiss.IDSelectorBatch(np.asarray(among, dtype=np.int64)))  # type: ignore[call-arg]
        elif self.type == "hnsw":
            index = self._index
            options = faiss.SearchParametersHNSW(efSearch=max(_HNSW_SEARCH_BREADTH, k))  # type: ignore[attr-defined]
        scores, ids = index.search(query.reshape(1, -1), min(k, len(self)), params=options)
        return [(int(i), float(s)) for i, s in zip(ids[0], scores[0], strict=True) if i >= 0]

    def get(self, ids: Sequence[int]) -> Vectors:
        """The vectors of these chunks, shape (len(ids), dimension)."""
        vectors: Vectors = self._exact.reconstruct_batch(np.asarray(ids, dtype=np.int64))
        return vectors


def _use_one_thread() -> None:
    # FAISS brings an OpenMP pool of its own, and counts its threads per calling thread: more than one would fight with
    # torch's (faiss issue 2731).
    if not getattr(_THREAD, "ready", False):
        faiss.omp_set_num_threads(1)
        _THREAD.ready = True
