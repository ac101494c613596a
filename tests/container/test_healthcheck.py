"""The image's HEALTHCHECK, run as Docker runs it."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.container.dockerfile import Stage

SERVER = b"python\0-m\0local_server\0"
WORKER = b"python\0-m\0handler\0"


class Health(BaseHTTPRequestHandler):
    """A server that answers the liveness route with 200, and nothing else."""

    def do_GET(self) -> None:
        """200 for /health/live, 404 for any other path."""
        self.send_response(200 if self.path == "/health/live" else 404)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Nothing is logged."""


def check(image: Stage, image_root: Path, command_line: Path, port: int) -> int:
    """The exit status of the image's health check, in a container whose first process has this command line."""
    python, *arguments = json.loads(image.value("HEALTHCHECK").partition("CMD ")[2])
    assert "python" == python
    arguments = [str(image_root / each.lstrip("/")) if each.startswith("/") else each for each in arguments]
    environment = os.environ | image.environment() | {"PORT": str(port)}
    command = [sys.executable, *arguments, "--command-line", str(command_line)]
    return subprocess.run(command, env=environment, cwd=image_root).returncode


@pytest.fixture
def live_port() -> object:
    """The port of a server that is live."""
    server = HTTPServer(("127.0.0.1", 0), Health)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_live_server_is_healthy(image: Stage, image_root: Path, tmp_path: Path, live_port: int) -> None:
    """In server mode the check asks /health/live, on the port of the settings."""
    (tmp_path / "cmdline").write_bytes(SERVER)

    assert 0 == check(image, image_root, tmp_path / "cmdline", live_port)


def test_a_server_that_does_not_answer_is_unhealthy(image: Stage, image_root: Path, tmp_path: Path) -> None:
    """In server mode a port that nobody listens on fails the check."""
    (tmp_path / "cmdline").write_bytes(SERVER)

    assert 1 == check(image, image_root, tmp_path / "cmdline", 1)


def test_a_worker_is_healthy_without_a_server(image: Stage, image_root: Path, tmp_path: Path) -> None:
    """A worker listens on no port, and the check does not blame it for that."""
    (tmp_path / "cmdline").write_bytes(WORKER)

    assert 0 == check(image, image_root, tmp_path / "cmdline", 1)
