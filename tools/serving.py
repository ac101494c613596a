"""Starts the real HTTP server as a process of its own, and keeps what it logs."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

_LISTENING_S = 120.0
_READY_S = 600.0
_POLL_S = 0.2
_STOP_S = 30.0


class ServerFailed(Exception):
    """The server ended, or did not become what was waited for in time; the text holds the end of its log."""


@dataclass(slots=True)
class ServerProcess:
    """The server's process and its log, line by line, as it came."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    url: str = ""
    _reader: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read_lines, name="askpod-read-log")
        self._reader.start()

    def wait_until_listening(self) -> None:
        """Until it has logged its address; sets `url`.

        Raises:
            ServerFailed: it never did.
        """
        self._wait(self._find_url, _LISTENING_S, "listen")

    def wait_until_ready(self) -> None:
        """Until its models are loaded, as `GET /health/ready` tells.

        Raises:
            ServerFailed: they never were.
        """
        with httpx.Client(base_url=self.url) as client:
            self._wait(lambda: client.get("/health/ready").status_code == httpx.codes.OK, _READY_S, "get ready")

    def stop(self) -> int:
        """SIGTERM, as a platform would; its exit status, after the last log line was read.

        Raises:
            subprocess.TimeoutExpired: it did not end within 30 seconds.
        """
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(_STOP_S)
        self._reader.join()
        return status

    def kill(self) -> None:
        """End it at once, if it still runs."""
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as log:
            for line in log:
                self.lines.append(line.rstrip("\n"))

    def _find_url(self) -> bool:
        for line in self.lines:
            with suppress(json.JSONDecodeError):
                record = json.loads(line)
                if record.get("event") == "server.listening":
                    self.url = f"http://{record['host']}:{record['port']}"
        return bool(self.url)

    def _wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise ServerFailed(f"The server did not {what}. Its log ends with:\n" + "\n".join(self.lines[-10:]))
            time.sleep(_POLL_S)


@contextmanager
def running_server(settings: dict[str, str], folder: Path | None = None) -> Iterator[ServerProcess]:
    """`python -m local_server` on a free port with these settings, listening; killed at the end if it still runs.

    `folder` is where its code and its models are; left out, the current one.

    Raises:
        ServerFailed: it did not start.
    """
    environment = os.environ | {"HOST": "127.0.0.1", "PORT": "0", "LOG_FORMAT": "json", "LOG_LEVEL": "INFO"} | settings
    process = subprocess.Popen(
        [sys.executable, "-m", "local_server"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    server = ServerProcess(process)
    try:
        server.wait_until_listening()
        yield server
    finally:
        server.kill()
