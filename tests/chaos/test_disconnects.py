"""Callers who leave at any moment."""

import random
import socket
import statistics
import time

import pytest
from pydantic import SecretStr

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.settings import Settings
from tests.chaos.conftest import Figures
from tests.fakes.loading import scripted_loader
from tests.local_server.serving import ENDLESS, KEY, serving, wait

pytestmark = pytest.mark.timeout(600)

WORD_S = 0.02


def request(stream: bool) -> bytes:
    body = b'{"question": "Which port does the HTTP server listen on?", "stream": %s}' % (
        b"true" if stream else b"false"
    )
    head = f"POST /v1/ask HTTP/1.1\r\nHost: test\r\nX-API-KEY: {KEY}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.chaos)])
def test_who_leaves_stops_the_work(count: int, figure: Figures) -> None:
    """Within a step, whatever it was about; every place is free afterwards."""
    draw = random.Random(11)  # noqa: S311
    engine = ScriptedEngine(lambda _prompt: ENDLESS, delay_s=WORD_S)
    runtime = Runtime(Settings(api_keys=(SecretStr(KEY),), port=0), scripted_loader(engine))
    stopped_s = []
    with serving(runtime) as client:
        address = (client.base_url.host, client.base_url.port)
        for _ in range(count):
            with socket.create_connection(address, timeout=120) as connection:
                connection.sendall(request(draw.random() < 0.5))
                time.sleep(draw.uniform(0, 0.3))
            left = time.monotonic()
            wait(lambda: runtime.running == 0 and engine.stats().running == 0)
            stopped_s.append(time.monotonic() - left)
        assert "ready" == client.get("/health").json()["state"]
    p99 = statistics.quantiles(stopped_s, n=100)[98]
    # Looked at every hundredth of a second.
    figure(f"{count} disconnects", f"the work stops within {p99 * 1000:.0f} ms (p99; a step is {WORD_S * 1000:.0f} ms)")
