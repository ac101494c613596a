"""Reads files into the page cache while Python imports: loading them then waits for no disk."""

import threading
import time
from collections.abc import Iterable
from pathlib import Path

_PART = 8 * 1024 * 1024
_READERS = 4


class ReadAhead:
    """Begins at once, in threads of its own; what cannot be read is left to whoever loads it to report.

    The time is that of the disk: the interpreter is free while a part is read.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        # The largest first: they take longest.
        self._left = sorted(files, key=_size)
        self._lock = threading.Lock()
        self._began = self._ended = time.monotonic()
        self._readers = [
            threading.Thread(target=self._read, name=f"askpod-read-ahead-{number}", daemon=True)
            for number in range(min(_READERS, len(self._left)))
        ]
        for reader in self._readers:
            reader.start()

    def wait(self) -> float:
        """Until everything has been read; the seconds that took from the beginning."""
        for reader in self._readers:
            reader.join()
        return self._ended - self._began

    def _read(self) -> None:
        self._read_what_is_left()
        with self._lock:
            self._ended = time.monotonic()

    def _read_what_is_left(self) -> None:
        part = memoryview(bytearray(_PART))
        while True:
            with self._lock:
                if not self._left:
                    return
                path = self._left.pop()
            try:
                with path.open("rb", buffering=0) as file:
                    while file.readinto(part):
                        pass
            except OSError:
                continue


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
