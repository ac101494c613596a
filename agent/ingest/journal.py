"""The vectors a build has made so far, so that an interrupted one need not make them again.

    "askpod-journal-1 <embedder fingerprint>\n"  and then, for each chunk:
    16 bytes digest · u32 sentences · f32[dimension] chunk vector · f32[sentences * dimension] sentence vectors

Records are appended one after the other; the last one may be cut off, as kill -9 leaves it.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np

from agent.retrieval.embedder import PassageVectors

FILE_NAME = "embedding.journal"
DIGEST_BYTES = 16


class Journal:
    """Opened for one build; `done` removes it once the build is current."""

    def __init__(self, store: Path, fingerprint: str, dimension: int) -> None:
        self._path = store / FILE_NAME
        self._header = f"askpod-journal-1 {fingerprint}\n".encode()
        self._dimension = dimension
        self.vectors = dict(self._read())
        # Written anew from what could be read: nothing is ever appended behind a record that was cut off.
        self._file = self._path.open("wb")
        self._file.write(self._header)
        for digest, vectors in self.vectors.items():
            self._write(digest, vectors)
        self._file.flush()

    def add(self, digest: bytes, vectors: PassageVectors) -> None:
        """Keep one chunk's vectors."""
        self._write(digest, vectors)
        self._file.flush()

    def done(self) -> None:
        """The build is current; nothing needs to be kept."""
        self._file.close()
        self._path.unlink()

    def close(self) -> None:
        """Leave the file for the next build."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _write(self, digest: bytes, vectors: PassageVectors) -> None:
        self._file.write(digest + struct.pack("<I", len(vectors.sentences)))
        self._file.write(vectors.passage.astype("<f4").tobytes() + vectors.sentences.astype("<f4").tobytes())

    def _read(self) -> Iterator[tuple[bytes, PassageVectors]]:
        if not self._path.is_file():
            return
        with self._path.open("rb") as file:
            if file.readline(1024) != self._header:
                return
            while len(head := file.read(DIGEST_BYTES + 4)) == DIGEST_BYTES + 4:
                (count,) = struct.unpack_from("<I", head, DIGEST_BYTES)
                size = (count + 1) * self._dimension * 4
                if len(body := file.read(size)) < size:
                    return
                rows = np.frombuffer(body, "<f4").astype(np.float32).reshape(count + 1, self._dimension)
                yield head[:DIGEST_BYTES], PassageVectors(rows[0], rows[1:])
