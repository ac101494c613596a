"""The ingest command as a process, with the real embedder or with the hashing one, which takes milliseconds."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests import forkserver
from tests.conftest import ROOT, environment

Finished = subprocess.CompletedProcess[str]

SMALL_CHUNKS = {"chunk_tokens": 32, "chunk_overlap_tokens": 6}


def command(*arguments: object, **settings: object) -> Finished:
    """`python -m agent.ingest`, to its end."""
    return _run("agent.ingest", arguments, settings)


def hashing_command(*arguments: object, **settings: object) -> Finished:
    """The same with a hashing embedder; see `tests.fakes.ingest` for what else it can do."""
    return _run("tests.fakes.ingest", arguments, settings)


def command_on_a_terminal(*arguments: object, **settings: object) -> tuple[int, str]:
    """A hashing command whose standard error is a terminal: its exit status, and what the terminal was sent."""
    ours, theirs = pty.openpty()
    process = forkserver.Popen(
        [sys.executable, "-m", "tests.fakes.ingest", *map(str, arguments)],
        cwd=ROOT, env=environment(term="xterm", **settings), stdin=subprocess.DEVNULL, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # what Linux says when the other side is gone
        while piece := os.read(ours, 65536):
            shown += piece
    os.close(ours)
    return process.wait(), shown.decode()


@contextmanager
def stopped_command(*arguments: object, at: int, **settings: object) -> Iterator[forkserver.Popen]:
    """A hashing command that has embedded `at` chunks and waits for the end of its input. It is gone afterwards."""
    process = forkserver.Popen(
        [sys.executable, "-m", "tests.fakes.ingest", *map(str, arguments)],
        cwd=ROOT,
        env=environment(stop_at=at, **settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert f"embedded {at}\n" == process.stdout.readline()
            yield process
        finally:
            process.kill()


def embedded(finished: Finished) -> int:
    """How many chunks the summary says were embedded."""
    match = re.search(r"(\d+) of them embedded now", finished.stderr)
    assert match, finished.stderr
    return int(match[1])


def write_long_document(path: Path, sentences: int = 120) -> Path:
    """A document of many chunks; each sentence has a number of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = " ".join(f"Barrel number {number} lies in the cellar row {number * 7}." for number in range(sentences))
    path.write_text(f"# Barrels\n\n{text}\n", encoding="utf-8")
    return path


def _run(module: str, arguments: tuple[object, ...], settings: dict[str, object]) -> Finished:
    words = [sys.executable, "-m", module, *map(str, arguments)]
    return forkserver.run(
        words,
        cwd=ROOT,
        env=environment(**settings),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
