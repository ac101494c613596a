"""Files that are read before anybody asks for them."""

import os
import threading
from pathlib import Path

from agent.read_ahead import ReadAhead


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("askpod-read-ahead")]


def test_every_file_is_read_to_its_end(tmp_path: Path) -> None:
    """Of a pipe one can tell: who writes to it waits for a reader."""
    pipes = [tmp_path / f"pipe-{number}" for number in range(3)]
    for pipe in pipes:
        os.mkfifo(pipe)
    ReadAhead(pipes)
    for pipe in pipes:
        pipe.write_bytes(b"x" * 1_000_000)
    for thread in readers():
        thread.join(10)
        assert not thread.is_alive()


def test_what_cannot_be_read_keeps_nobody_from_the_rest(tmp_path: Path) -> None:
    """A folder, a file that is gone, and nothing at all."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ReadAhead([tmp_path, tmp_path / "gone", pipe, tmp_path / "gone too"])
    pipe.write_bytes(b"x" * 100_000)
    ReadAhead([])
    for thread in readers():
        thread.join(10)
        assert not thread.is_alive()
