"""The real application behind a real socket, in a thread of the test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn

from agent.runtime import Runtime
from local_server.app import create_app


@contextmanager
def serving(runtime: Runtime, *, until_ready: bool = True) -> Iterator[httpx.Client]:
    """A client of a server that answers with `runtime`."""
    config = uvicorn.Config(create_app(runtime), port=0, log_config=None, access_log=False, server_header=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            if until_ready:
                wait(lambda: client.get("/health/ready").status_code == 200)
            yield client
    finally:
        server.should_exit = True
        thread.join()


def wait(condition: object, seconds: float = 30.0) -> None:
    """Until `condition()` is true; fails after `seconds`."""
    assert callable(condition)
    pause, tries = threading.Event(), int(seconds / 0.01)
    assert any(condition() or pause.wait(0.01) for _ in range(tries)), "waited in vain"
