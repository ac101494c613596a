"""Two replicas on a Ray of this machine, one of which is killed under load."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.deploy.ray_serving import KEY, QUESTION, on_ray, replicas
from tests.local_server.serving import wait

pytest.importorskip("ray", reason="needs requirements-ray.txt")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ASKERS = 8


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """Of a gate before two replicas."""
    with on_ray({"num_replicas": 2}) as serving:
        yield serving.client


def test_a_gate_serves_the_whole_api(client: httpx.Client) -> None:
    """Answers, streams, models, errors and keys, as one process would."""
    answer = client.post("/v1/ask", json={"question": QUESTION}).json()
    assert "port 8000" in answer["answer"]
    assert answer["citations"]
    events = client.post("/v1/ask", json={"question": QUESTION, "stream": True}).text
    assert ["event: final", "event: done"] == [line for line in events.splitlines() if line.startswith("event")][-2:]
    wrong = client.post("/v1/ask", json={"question": QUESTION, "adapter": "nobody"})
    assert (422, "unknown_adapter") == (wrong.status_code, wrong.json()["code"])
    late = client.post("/v1/ask", json={"question": QUESTION, "timeout_s": 0.05})
    assert (504, "deadline_exceeded") == (late.status_code, late.json()["code"])
    assert 401 == client.post("/v1/ask", json={}, headers={"X-API-KEY": "wrong"}).status_code
    assert {"askpod"} <= {model["id"] for model in client.get("/v1/models").json()["data"]}
    assert 404 == httpx.get(f"{client.base_url}/v2/askpod/health", headers={"Authorization": KEY}).status_code


def test_a_replica_that_is_killed_costs_what_it_was_answering(client: httpx.Client) -> None:
    """Those callers are told to ask again, nobody else sees anything, and another takes its place."""
    seen, until, lock = Counter[tuple[int, Any]](), time.monotonic() + 12, threading.Lock()

    def ask() -> None:
        with httpx.Client(base_url=client.base_url, headers=client.headers, timeout=60) as asking:
            while time.monotonic() < until:
                response = asking.post("/v1/ask", json={"question": QUESTION})
                body = response.json()
                with lock:
                    seen[response.status_code, body.get("code"), body.get("retryable")] += 1  # type: ignore[index]

    askers = [threading.Thread(target=ask) for _ in range(ASKERS)]
    for asker in askers:
        asker.start()
    time.sleep(3)
    before = replicas()
    assert 2 == len(before)
    os.kill(before[0].pid, signal.SIGKILL)
    for asker in askers:
        asker.join()
    told = {outcome for outcome in seen if outcome[0] != 200}
    assert told <= {(503, "unavailable", True)}
    assert 0 < seen[503, "unavailable", True] <= ASKERS  # type: ignore[index]
    assert seen[200, None, None] > 20  # type: ignore[index]
    wait(lambda: len(replicas()) == 2, 60)
    assert before[0].pid not in {process.pid for process in replicas()}
    assert 200 == client.post("/v1/ask", json={"question": QUESTION}).status_code
