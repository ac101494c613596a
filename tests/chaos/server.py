"""Servers in processes of their own; this module is one: `python -m tests.chaos.server WORDS SECONDS CAPACITY`."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import httpx

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.settings import Settings
from agent.telemetry.logs import configure_logging
from agent.watchdog import watch
from local_server.platform.settings import PlatformSettings
from local_server.server import Server
from tests.conftest import ROOT, environment
from tests.fakes.loading import scripted_loader
from tests.local_server.serving import free_port, wait

KEY = "sesame-1"


class Serving:
    """The process, and where it listens."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def health(self) -> dict[str, object]:
        """What it says of itself."""
        body: dict[str, object] = httpx.get(f"{self.url}/health", timeout=120).json()
        return body

    def tasks(self) -> int:
        """Of its event loop; only the scripted one tells."""
        self.process.send_signal(signal.SIGUSR2)
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def stop(self) -> tuple[int, float]:
        """SIGTERM; its exit status, and the seconds until then."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(120), time.monotonic() - began


def server(*, words: int, seconds: float, capacity: int, **settings: object) -> AbstractContextManager[Serving]:
    """One whose every answer has so many words, each of which takes so long."""
    command = ("tests.chaos.server", str(words), str(seconds), str(capacity))
    return _serving(command, subprocess.PIPE, **settings)


def real_server(**settings: object) -> AbstractContextManager[Serving]:
    """The one that is shipped."""
    return _serving(("local_server",), None, **settings)


@contextmanager
def _serving(command: Sequence[str], stdout: int | None, **settings: object) -> Iterator[Serving]:
    port = free_port()
    env = environment(api_keys=KEY, port=port, log_level="ERROR", **settings)
    with subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=env, stdout=stdout) as process:
        serving = Serving(process, port)
        try:
            wait(lambda: _is_ready(serving))
            yield serving
        finally:
            process.kill()


def _is_ready(serving: Serving) -> bool:
    assert serving.process.poll() is None, "the server has ended"
    try:
        return httpx.get(f"{serving.url}/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def main(words: int, seconds: float, capacity: int) -> None:
    """Serve until a signal comes; at SIGUSR1 the engine dies, at SIGUSR2 it tells how many tasks there are."""
    settings = Settings()
    configure_logging(settings)
    engine = ScriptedEngine(lambda _prompt: "word " * words, delay_s=seconds, capacity=capacity)
    runtime = Runtime(settings, scripted_loader(engine))
    server = Server.around(runtime, PlatformSettings())
    watch(runtime)

    def stop(_signal: int, _frame: object) -> None:
        server.should_exit = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGUSR1, lambda _signal, _frame: engine.close())
    signal.signal(signal.SIGUSR2, lambda _signal, _frame: os.write(1, b"%d\n" % len(asyncio.all_tasks())))
    server.run()
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
