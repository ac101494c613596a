"""The vectors a build has made so far, so that an interrupted one need not make them again.

    "askpod-journal-2 <embedder fingerprint>\n"  and then, for each chunk:
    16 bytes digest · u32 sentences · f32[dimension] chunk vector · f32[sentences * dimension] sentence vectors ·
    u32 CRC-32 of all that

Records are appended one after the other; the last one may be cut off, as kill -9 leaves it.
"""

import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np

from agent.retrieval.embedder import PassageVectors

FILE_NAME = "embedding.journal"
DIGEST_BYTES = 16
_CHECKSUM_BYTES = 4


class Journal:
    """Opened for one build; `vectors` is what earlier ones have left.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, store: Path, fingerprint: str, dimension: int) -> None:
        path = store / FILE_NAME
        path.touch()
        self._dimension = dimension
        self._file = path.open("r+b")
        self.vectors: dict[bytes, PassageVectors] = {}
        header = f"askpod-journal-2 {fingerprint}\n".encode()
        end = self._read_records() if self._file.read(len(header)) == header else 0
        # Nothing is ever appended behind a record that was cut off.
        self._file.seek(end)
        self._file.truncate()
        if end == 0:
            self._file.write(header)
            self._file.flush()

    def add(self, digest: bytes, vectors: PassageVectors) -> None:
        """Keep one chunk's vectors."""
        self.vectors[digest] = vectors
        rows = vectors.passage.astype("<f4").tobytes() + vectors.sentences.astype("<f4").tobytes()
        record = digest + struct.pack("<I", len(vectors.sentences)) + rows
        self._file.write(record + struct.pack("<I", zlib.crc32(record)))
        self._file.flush()

    def close(self) -> None:
        """Leave the file for the next build."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _read_records(self) -> int:
        """Read the whole records; returns where the last one ends."""
        end = self._file.tell()
        while (record := _next_record(self._file, self._dimension)) is not None:
            rows = np.frombuffer(record, "<f4", offset=DIGEST_BYTES + 4).astype(np.float32)
            rows = rows.reshape(-1, self._dimension)
            self.vectors[record[:DIGEST_BYTES]] = PassageVectors(rows[0], rows[1:])
            end = self._file.tell()
        return end


def _next_record(file: BinaryIO, dimension: int) -> bytes | None:
    """A record without its checksum; None where there is none, or none that is whole."""
    head = file.read(DIGEST_BYTES + 4)
    if len(head) < DIGEST_BYTES + 4:
        return None
    (count,) = struct.unpack_from("<I", head, DIGEST_BYTES)
    size = (count + 1) * dimension * 4
    # A count that is garbage must not ask for all memory.
    if size + _CHECKSUM_BYTES > os.fstat(file.fileno()).st_size - file.tell():
        return None
    record = head + file.read(size)
    (checksum,) = struct.unpack("<I", file.read(_CHECKSUM_BYTES))
    return record if zlib.crc32(record) == checksum else None
