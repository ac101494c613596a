"""One replica or two on a Ray of this machine, as the load wants."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import httpx
import pytest

from tests.deploy.ray_script import AT_LENGTH, at_length
from tests.deploy.ray_serving import QUESTION, OnRay, on_ray, replicas
from tests.local_server.serving import wait

pytest.importorskip("ray", reason="needs requirements-ray.txt")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# Ray's own delays are half a minute for a replica to come and ten minutes for it to go.
SCALING = {
    "min_replicas": 1, "max_replicas": 2, "upscale_delay_s": 1, "downscale_delay_s": 4, "look_back_period_s": 2,
    "metrics_interval_s": 1,
}  # fmt: skip
# Questions at once that a replica is to have, and how many are asked at once in a rush.
TARGET, RUSH = 6, 10
ANSWER = "The HTTP server listens on port 8000 [1]"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of replicas that came and went.

    Attributes:
        answers: to all questions of before, meanwhile and after: status and answer.
        process: of the replica that came and went.
        left_s: how long it had been streaming when it was told to go.
        told: what was streamed.
    """

    answers: set[tuple[int, str | None]]
    process: int
    left_s: float
    told: list[dict[str, Any]]

    @property
    def draft(self) -> str:
        """The words that were streamed."""
        return "".join(event["text"] for event in self.told if event.get("type") == "delta")


def up_and_down(serving: OnRay) -> Seen:
    """A rush that brings a second replica, whose stream goes on when the rush is over and it has to go."""
    assert {"RUNNING": 1} == serving.states()
    (first,) = replicas()
    with asked(serving.client, 1) as steady, ExitStack() as streaming:
        with asked(serving.client, RUSH) as rush:
            wait(lambda: {"RUNNING": 2} == serving.states(), 90)
            (second,) = {process.pid for process in replicas()} - {first.pid}
            told = streaming.enter_context(streamed_by(second, serving.client))
            began = time.monotonic()
        wait(lambda: {"RUNNING": 1, "STOPPING": 1} == serving.states(), 60)
        left_s = time.monotonic() - began
        events = list(told)
        wait(lambda: {"RUNNING": 1} == serving.states(), 60)
    assert [first.pid] == [process.pid for process in replicas()]
    return Seen(set(steady + rush), second, left_s, events)


@contextmanager
def asked(client: httpx.Client, askers: int) -> Iterator[list[tuple[int, str | None]]]:
    """All the time, by so many at once: the status and the answer of each question."""
    answers: list[tuple[int, str | None]] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            response = client.post("/v1/ask", json={"question": QUESTION})
            answers.append((response.status_code, response.json().get("answer")))

    with ThreadPoolExecutor(askers) as pool:
        asking = [pool.submit(ask) for _ in range(askers)]
        try:
            yield answers
        finally:
            over.set()
    for asker in asking:
        asker.result()


@contextmanager
def streamed_by(process: int, client: httpx.Client) -> Iterator[Iterator[dict[str, Any]]]:
    """The events of an answer that takes long, from the draft's first word on, which names this replica."""
    question = f"Which port does the HTTP server listen on, {AT_LENGTH}?"
    # Who gets a question cannot be chosen; what another replica began is given up.
    while True:
        body = {"question": question, "max_tokens": 2048, "stream": True}
        with client.stream("POST", "/v1/ask", json=body) as response:
            lines = (line for line in response.iter_lines() if line.startswith("data: "))
            events = (json.loads(line.removeprefix("data: ")) for line in lines)
            first = next(event for event in events if event["type"] == "delta")
            if str(process) in first["text"]:
                yield chain([first], events)
                return


def test_replicas_come_with_the_load_and_finish_what_they_say_before_they_go() -> None:
    """A second one runs while many ask, and leaves when they have gone; nobody is refused and nothing is cut."""
    with on_ray({"autoscaling_config": SCALING}, handler_concurrency=TARGET, drain_timeout_s=90) as serving:
        seen = up_and_down(serving)
    assert {(200, ANSWER)} == seen.answers
    assert at_length(seen.process) == seen.draft
    final, done = seen.told[-2:]
    assert ["request_id"] == list(done)
    assert f"scripted-{seen.process}" == final["answer"]["model"]
    assert seen.left_s < final["answer"]["timings"]["total_ms"] / 1000


def test_a_replica_that_has_to_go_cuts_off_what_outlasts_the_drain_timeout() -> None:
    """Whoever it was telling is told to ask again; nobody else sees anything of it."""
    with on_ray({"autoscaling_config": SCALING}, handler_concurrency=TARGET, drain_timeout_s=3) as serving:
        seen = up_and_down(serving)
    assert {(200, ANSWER)} == seen.answers
    assert at_length(seen.process).startswith(seen.draft)
    assert ("unavailable", True) == (seen.told[-1]["code"], seen.told[-1]["retryable"])
