"""SIGTERM at any moment, under load."""

import random
import threading
import time
from collections import Counter

import httpx
import pytest

from tests.chaos.conftest import Figures
from tests.chaos.server import KEY, Serving, server

pytestmark = pytest.mark.timeout(1200)

HEADERS = {"X-API-KEY": KEY}
BODY = {"question": "Which port does the HTTP server listen on?"}
ASKERS = 6


class Asker(threading.Thread):
    """Asks, again and again, until the server is gone; half of them want a stream, some go through the queue."""

    def __init__(self, serving: Serving, number: int) -> None:
        super().__init__()
        self.serving = serving
        self.number = number
        self.seen = Counter[str]()

    def run(self) -> None:
        with httpx.Client(base_url=self.serving.url, timeout=60) as client:
            while True:
                try:
                    self.seen[self.ask(client)] += 1
                except (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError) as error:
                    # Before a request has been answered with anything the connection may be closed; never within.
                    self.seen[f"closed: {type(error).__name__}"] += 1
                    return

    def ask(self, client: httpx.Client) -> str:
        """What came of one question."""
        kind = self.number % 3
        if kind == 0:
            body = {"input": BODY}
            response = client.post("/v2/askpod/runsync", json=body, headers={"Authorization": KEY})
            return "job " + str(response.json().get("status", response.status_code))
        with client.stream("POST", "/v1/ask", json=BODY | {"stream": kind == 1}, headers=HEADERS) as response:
            try:
                text = "".join(response.iter_text())
            except httpx.HTTPError:
                return "truncated"
        if response.status_code != 200 or kind == 2:
            return f"answer {response.status_code}"
        return "stream whole" if "event: done" in text and text.endswith("}\n\n") else "stream " + text[-200:]


@pytest.mark.parametrize("count", [2, pytest.param(50, marks=pytest.mark.chaos)])
def test_a_server_that_is_asked_to_stop_finishes_what_runs(count: int, figure: Figures) -> None:
    """Every answer that was begun is whole; who came too late is told so; exit status 0."""
    draw, seen, longest = random.Random(5), Counter[str](), 0.0  # noqa: S311
    for _ in range(count):
        with server(words=10, seconds=0.03, capacity=4) as serving:
            askers = [Asker(serving, number) for number in range(ASKERS)]
            for asker in askers:
                asker.start()
            time.sleep(draw.uniform(0.2, 1.5))
            status, seconds = serving.stop()
            assert 0 == status
            longest = max(longest, seconds)
            for asker in askers:
                asker.join(60)
                seen += asker.seen
    closed = {outcome for outcome in seen if outcome.startswith("closed")}
    fine = {"job COMPLETED", "job FAILED", "job 503", "answer 200", "answer 503", "stream whole"}
    assert set() == set(seen) - fine - closed
    assert 0 == seen["truncated"]
    figure(f"SIGTERM at {count} moments", f"{dict(seen)}; slowest stop {longest:.1f} s")
