"""The real server behind a real socket, in a thread of the test, and what its answers have in common."""

import json
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import httpx

from agent.runtime import Runtime
from local_server.platform.process import launch_command
from local_server.platform.settings import PlatformSettings
from local_server.server import Server
from tests.forkserver import launch_fork

KEY = "sesame-1"
OTHER_KEY = "sesame-2"
QUESTION = "Which port does the HTTP server listen on?"
SENTENCE = "The HTTP server listens on port 8000 by default."
ANSWER = f"{SENTENCE} [1]"
# More than a model may say, and no word of it twice: one that repeats itself is stopped.
ENDLESS = " ".join(f"word{number}" for number in range(500))
# Without a model: the paragraph that the sentence stands in.
QUOTE = f"{SENTENCE} The key goes in X-API-KEY. [1]"
WORKER = (sys.executable, "-m", "tests.handler.scripted_worker", "0.02")
JSON_TYPE = {"Content-Type": "application/json"}


def free_port() -> int:
    """One that nobody listens on now.

    Below the ports that the system gives to clients (ip_local_port_range), and each test process has its own thousand.
    """
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = list(range(20_000 + 1_000 * (process % 12), 21_000 + 1_000 * (process % 12)))
    random.shuffle(ports)
    for port in ports:
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    raise OSError("no free port")


@contextmanager
def serving(
    runtime: Runtime, *, until_ready: bool = True, grace_s: float = 5, heartbeat_s: float = 15.0,
    platform: PlatformSettings | None = None,
    command: Sequence[str] = WORKER,
) -> Iterator[httpx.Client]:  # fmt: skip
    """A client of a server that answers with `runtime`; the runtime's settings must say `port=0`."""
    runtime.settings = runtime.settings.model_copy(update={"drain_timeout_s": grace_s})
    launch = launch_fork(command) if tuple(command[:2]) == WORKER[:2] else launch_command(command)
    server = Server.around(runtime, platform or PlatformSettings(), launch, heartbeat_s=heartbeat_s)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait(lambda: bool(server.listening))
        host, port = server.listening[0]
        with httpx.Client(base_url=f"http://{host}:{port}", timeout=120) as client:
            if until_ready:
                wait(lambda: client.get("/health/ready").status_code == 200)
            yield client
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def connected(client: httpx.Client) -> Iterator[socket.socket]:
    """A bare connection to the same server, for what httpx would not send."""
    address = (client.base_url.host, client.base_url.port)
    with socket.create_connection(address, timeout=120) as connection:
        yield connection


def wait(condition: Callable[[], object], seconds: float = 120.0) -> None:
    """Until `condition()` is true; fails when it is not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem in a response, which must be this one, under the id of its header."""
    assert (status, "application/problem+json") == (response.status_code, response.headers["content-type"])
    body: dict[str, Any] = response.json()
    assert (code, status, response.headers["x-request-id"]) == (body["code"], body["status"], body["request_id"])
    assert {"type", "title", "detail", "instance", "retryable"} <= set(body)
    return body


def events_of(client: httpx.Client, **body: Any) -> list[tuple[str, dict[str, Any]]]:
    """Every event of a streamed question: its name and its data."""
    response = client.post("/v1/ask", json={"question": QUESTION, "stream": True, **body})
    assert "text/event-stream; charset=utf-8" == response.headers["content-type"]
    return parse_events(response.content)


def parse_events(stream: bytes) -> list[tuple[str, dict[str, Any]]]:
    """As in WHATWG HTML, 9.2.6, for events with one `event` and one `data` line; comments are skipped."""
    events = []
    for block in stream.decode("utf-8").removesuffix("\n\n").split("\n\n"):
        lines = [line for line in block.split("\n") if not line.startswith(":")]
        if lines:
            name, data = lines
            events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events
