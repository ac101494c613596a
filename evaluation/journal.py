"""Results on disk as they are made, so that an evaluation of hours survives a kill -9.

JSON lines: the fingerprint of the evaluation first, then one line for each question.

    {"fingerprint": {"dataset": "9f2c...", "index": "b41d...", "settings": {...}}}
    {"id": "q17", "result": {...}}
"""

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_BEGINNING = b'{"fingerprint": '


class JournalRefused(Exception):
    """The file cannot be continued; the message says why, and what to do."""


class Journal:
    """An open results file. `results` holds what is done, by question id, in the order it was written.

    Args:
        path: the file; it and its folder are made when missing.
        fingerprint: what the results depend on, as JSON values: the dataset's digest, the settings, the index id.
        restart: throw away what the file holds.

    Raises:
        JournalRefused: the file belongs to another evaluation, is damaged, or is being written by another process.
    """

    def __init__(self, path: Path, fingerprint: Mapping[str, Any], *, restart: bool = False) -> None:
        self.path = path
        self.results: dict[str, Any] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        # "a": whatever happens, a write lands at the end. Unbuffered: what is written has left the process.
        self._file = path.open("ab+", buffering=0)
        try:
            self._lock()
            self._open(json.loads(_dump(fingerprint)), restart)
        except BaseException:
            self._file.close()
            raise

    def add(self, question_id: str, result: object) -> None:
        """Write the result of a question, as JSON values.

        Raises:
            ValueError: the question has a result already, or the result is not JSON (NaN is not).
        """
        if question_id in self.results:
            raise ValueError(f"question {question_id} has a result already")
        line = _dump({"id": question_id, "result": result})
        self._write(line)
        self.results[question_id] = json.loads(line)["result"]

    def close(self) -> None:
        """Close the file, which lets another process continue it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalRefused(f"{self.path.name} is being written by another evaluation") from error

    def _open(self, fingerprint: dict[str, Any], restart: bool) -> None:
        if restart:
            self._file.truncate(0)
        self._file.seek(0)
        whole, newline, half = self._file.readall().rpartition(b"\n")
        if not newline:
            self._begin(half, fingerprint)
            return
        first, *rest = whole.split(b"\n")
        self._compare(self._entry(first, 1, {"fingerprint": dict}), fingerprint)
        for number, line in enumerate(rest, start=2):
            entry = self._entry(line, number, {"id": str, "result": object})
            self.results[entry["id"]] = entry["result"]
        # Only now is it known to be a journal: the half line is what a kill left of a write.
        self._file.truncate(len(whole) + 1)

    def _begin(self, half: bytes, fingerprint: dict[str, Any]) -> None:
        if not half.startswith(_BEGINNING[: len(half)]):
            raise JournalRefused(f"{self.path.name} is no journal; choose another file")
        self._file.truncate(0)
        self._write(_dump({"fingerprint": fingerprint}))

    def _entry(self, line: bytes, number: int, types: dict[str, type]) -> dict[str, Any]:
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict) or not all(
            name in entry and isinstance(entry[name], kind) for name, kind in types.items()
        ):
            raise JournalRefused(f"{self.path.name} is damaged at line {number}, or no journal; choose another file")
        return entry

    def _compare(self, entry: dict[str, Any], fingerprint: dict[str, Any]) -> None:
        written = entry["fingerprint"]
        differ = sorted(name for name in written.keys() | fingerprint if written.get(name) != fingerprint.get(name))
        if differ:
            raise JournalRefused(
                f"{self.path.name} holds the results of another evaluation (different: {', '.join(differ)}); "
                "choose another file, or restart it"
            )

    def _write(self, line: bytes) -> None:
        end = os.fstat(self._file.fileno()).st_size
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(self._file.fileno(), rest) :]
        except OSError:
            self._file.truncate(end)  # a full disk must not leave half a line in front of the next one
            raise


def _dump(value: object) -> bytes:
    # Half a surrogate pair is no UTF-8, but a model may write one; json.loads reads it back.
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass") + b"\n"
