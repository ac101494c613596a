"""A gate and its replicas on a Ray of this machine, and what its tests have in common."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

import httpx
import psutil

from tests.conftest import ROOT, environment
from tests.local_server.serving import free_port, wait

KEY = "sesame-1"
QUESTION = "Which port does the HTTP server listen on?"


@dataclass(frozen=True, slots=True)
class OnRay:
    """One that runs.

    Attributes:
        client: of the gate.
        asks: the application's input.
        tells: its output.
    """

    client: httpx.Client
    asks: IO[str]
    tells: IO[str]

    def states(self) -> dict[str, int]:
        """How many replicas are in which state; it takes a moment, so that Ray is not asked all the time."""
        time.sleep(0.2)
        self.asks.write("\n")
        self.asks.flush()
        told: dict[str, int] = json.loads(self.tells.readline())
        return told


@contextmanager
def on_ray(options: dict[str, Any], **settings: object) -> Iterator[OnRay]:
    """One that is ready; `options` are those of the replicas, `settings` those of all processes."""
    port = free_port()
    command = [sys.executable, "-m", "tests.deploy.ray_app", str(port), json.dumps(options)]
    env = environment(api_keys=KEY, log_level="ERROR", **settings) | {"RAY_USAGE_STATS_ENABLED": "0"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=env, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert "ready\n" in iter(process.stdout.readline, "")
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"X-API-KEY": KEY}, timeout=60) as client:
                wait(lambda: client.get("/health/ready").status_code == 200, 60)
                yield OnRay(client, process.stdin, process.stdout)
            process.stdin.close()
            process.wait(60)
        finally:
            process.kill()


def replicas() -> list[psutil.Process]:
    """The processes that have the models."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if any("ServeReplica:askpod:Answers" in word for word in process.cmdline()):
                found.append(process)
    return found
