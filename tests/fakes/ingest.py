"""`python -m tests.fakes.ingest`: the real ingest command with a hashing embedder, which stops or dies when told to.

Environment:
    STOP_AT=n         when n chunks are embedded, say so on standard output and wait for standard input to end
    DIE_AT=step:n     kill -9 of itself before its n-th step of that name, or "any:n": "embed", or a change of a file of
                      the store, named as Python's audit events are ("open", "os.rename", "os.remove", "os.rmdir", ...)
    ANNOUNCE=1        say "begun" on standard output before the store is locked
"""

import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from agent.ingest.__main__ import main
from agent.retrieval.embedder import PassageText, PassageVectors
from agent.retrieval.hashing_embedder import HashingEmbedder
from agent.settings import Settings

_CHANGES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "sqlite3.connect"}
_WRITING = os.O_WRONLY | os.O_RDWR


class _Steps:
    """Counts what the process does, and ends it at one of its steps."""

    def __init__(self, die_at: str) -> None:
        self._name, _, number = die_at.partition(":")
        self._last = int(number or 0)
        self._done: Counter[str] = Counter()

    def step(self, name: str) -> None:
        self._done.update((name, "any"))
        if self._done[self._name] == self._last and self._name in (name, "any"):
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _CHANGES or "store" not in str(arguments[0]):
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITING):
            return
        self.step(event)


class _Embedder(HashingEmbedder):
    def __init__(self, steps: _Steps, stop_at: int) -> None:
        super().__init__()
        self._steps = steps
        self._stop_at = stop_at

    def embed_passages(self, passages: Sequence[PassageText]) -> Iterator[tuple[int, PassageVectors]]:
        for number, made in enumerate(super().embed_passages(passages), 1):
            self._steps.step("embed")
            yield made
            if number == self._stop_at:
                print(f"embedded {number}", flush=True)  # noqa: T201 - what the test waits for
                sys.stdin.read()


def _load_embedder(_settings: Settings) -> HashingEmbedder:
    steps = _Steps(os.environ.get("DIE_AT", ""))
    sys.addaudithook(steps.audit)
    if os.environ.get("ANNOUNCE"):
        print("begun", flush=True)  # noqa: T201 - what the test waits for
    return _Embedder(steps, int(os.environ.get("STOP_AT", "0")))


if __name__ == "__main__":
    # A shell that runs the tests in the background has its children ignore Ctrl+C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main(load_embedder=_load_embedder))
