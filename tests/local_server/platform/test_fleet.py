"""Real worker processes under the SDK's loop: they come, die, come again and leave."""

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.settings import Settings
from local_server.platform.settings import PlatformSettings
from tests.conftest import ROOT, environment
from tests.fakes.loading import scripted_loader
from tests.local_server.conftest import Log
from tests.local_server.serving import KEY, QUESTION, WORKER, serving, wait

BODY = {"input": {"question": QUESTION}}


def runtime() -> Runtime:
    """Of the server; it loads nothing where there are workers."""
    return Runtime(Settings(api_keys=(SecretStr(KEY),), port=0), scripted_loader(ScriptedEngine()))


def authorized(client: httpx.Client) -> httpx.Client:
    client.headers["Authorization"] = KEY
    return client


def health(client: httpx.Client) -> dict[str, dict[str, int]]:
    body: dict[str, dict[str, int]] = client.get("/v2/askpod/health").json()
    return body


def run(client: httpx.Client) -> str:
    return str(client.post("/v2/askpod/run", json=BODY).json()["id"])


def status(client: httpx.Client, job_id: str) -> dict[str, Any]:
    body: dict[str, Any] = client.get(f"/v2/askpod/status/{job_id}").json()
    return body


class Workers:
    """The worker processes of one test: found by a word in their command that no others have."""

    def __init__(self, seconds_per_word: float = 0.02) -> None:
        self._tag = f"of-{uuid.uuid4().hex}"
        self.command = (*WORKER[:-1], str(seconds_per_word), self._tag)

    def pids(self) -> list[int]:
        """Of those that run, not of their pings."""
        found = subprocess.run(["pgrep", "-f", self._tag], capture_output=True, text=True, check=False).stdout.split()
        return [pid for pid in map(int, found) if Path(f"/proc/{pid}").exists() and os.getpgid(pid) == pid]


def test_workers_come_with_the_work_and_leave_without(log: Log) -> None:
    """From none to as many as there are jobs for, and back; the log has a line for each step."""
    platform = PlatformSettings(max_workers=2, scaler="request_count", scaler_value=1, idle_timeout_s=1)
    workers = Workers()
    with serving(runtime(), platform=platform, command=workers.command) as client:
        authorized(client)
        assert 0 == sum(health(client)["workers"].values())
        jobs = [run(client) for _ in range(5)]
        wait(lambda: all(status(client, job)["status"] == "COMPLETED" for job in jobs), 60)
        wait(lambda: sum(health(client)["workers"].values()) == 0)
        wait(lambda: not workers.pids())
    assert [(0, 2)] == [(line["before"], line["workers"]) for line in log.lines("workers.scaled_up")]
    for event in ("worker.started", "worker.ready", "worker.dismissed"):
        assert {"worker-1", "worker-2"} == {line["worker"] for line in log.lines(event)}
    assert all(line["cold_start_s"] > 0 for line in log.lines("worker.ready"))
    assert [] == log.lines("worker.killed")


def test_the_jobs_of_a_worker_that_dies_are_done_by_another(log: Log) -> None:
    """Once; the retry is counted, and the worker is replaced after a pause."""
    platform, workers = PlatformSettings(min_workers=1, max_workers=1), Workers(0.5)
    with serving(runtime(), platform=platform, command=workers.command) as client:
        authorized(client)
        job = run(client)
        wait(lambda: status(client, job)["status"] == "IN_PROGRESS", 60)
        (pid,) = workers.pids()
        os.kill(pid, signal.SIGKILL)
        wait(lambda: status(client, job)["status"] == "COMPLETED", 60)
        assert "worker-2" == status(client, job)["workerId"]
        assert {"completed": 1, "retried": 1, "failed": 0}.items() <= health(client)["jobs"].items()
    (died,) = log.lines("worker.died")
    assert ("worker-1", "signal 9", 1, 1.0) == (
        died["worker"], died["how"], died["jobs_back_in_queue"], died["next_start_in_s"],
    )  # fmt: skip
    wait(lambda: not workers.pids())


def test_a_worker_that_never_comes_up_is_started_more_and_more_seldom(log: Log) -> None:
    """Jobs wait meanwhile, and the server answers."""
    platform = PlatformSettings(min_workers=1, max_workers=1)
    with serving(runtime(), until_ready=False, platform=platform, command=("false",)) as client:
        authorized(client)
        job = run(client)
        wait(lambda: len(log.lines("worker.died")) == 3)
        assert [1.0, 2.0, 4.0] == [line["next_start_in_s"] for line in log.lines("worker.died")]
        assert {"exit 1"} == {line["how"] for line in log.lines("worker.died")}
        assert "IN_QUEUE" == status(client, job)["status"]
        assert 503 == client.get("/health").status_code


def test_a_worker_that_cannot_be_started_is_tried_again(log: Log, tmp_path: Path) -> None:
    """As soon as it can be."""
    workers, command = Workers(), tmp_path / "worker"
    platform = PlatformSettings(min_workers=1, max_workers=1)
    with serving(runtime(), until_ready=False, platform=platform, command=(str(command),)) as client:
        authorized(client)
        wait(lambda: bool(log.lines("worker.not_started")))
        assert 0 == sum(health(client)["workers"].values())
        command.write_text(f"#!/bin/sh\nexec {' '.join(workers.command)}\n", encoding="utf-8")
        command.chmod(0o755)
        wait(lambda: health(client)["workers"]["idle"] == 1, 60)


def test_a_worker_that_was_to_be_replaced_and_falls_silent_is_replaced(log: Log) -> None:
    """The fleet goes on."""
    platform = PlatformSettings(min_workers=1, max_workers=1, worker_lost_s=3, worker_key=SecretStr("w"))
    workers = Workers(30)
    with serving(runtime(), platform=platform, command=workers.command) as client:
        authorized(client)
        jobs = [run(client), run(client)]
        wait(lambda: health(client)["jobs"]["inProgress"] == 2, 60)
        (pid,) = workers.pids()
        os.killpg(pid, signal.SIGSTOP)
        done = {"output": 1, "stopPod": True}
        url = f"/v2/askpod/job-done/worker-1/{jobs[0]}?isStream=false"
        assert 200 == client.post(url, json=done, headers={"Authorization": "w"}).status_code
        wait(
            lambda: health(client)["jobs"]["inProgress"] == 1 and status(client, jobs[1])["workerId"] == "worker-2", 60
        )
    assert ["not heard of"] == [line["how"] for line in log.lines("worker.died")]


def test_a_job_in_the_servers_process_ends_before_the_server_does() -> None:
    """SIGTERM while it runs; the server neither hangs nor drops it."""
    settings = Settings(api_keys=(SecretStr(KEY),), port=0)
    slow = Runtime(settings, scripted_loader(ScriptedEngine(lambda _prompt: "one two three", delay_s=0.5)))
    with ThreadPoolExecutor() as pool:
        with serving(slow, grace_s=10) as client:
            authorized(client)
            waiting = pool.submit(httpx.post, f"{client.base_url}/v2/askpod/runsync", json=BODY, timeout=60,
                                  headers={"Authorization": KEY})  # fmt: skip
            wait(lambda: health(client)["jobs"]["inProgress"] == 1)
        assert "COMPLETED" == waiting.result().json()["status"]


def test_a_job_that_is_handed_out_twice_to_the_servers_process_costs_no_place() -> None:
    """However often; the next jobs are done."""
    settings = Settings(api_keys=(SecretStr(KEY),), port=0, handler_concurrency=2)
    slow = Runtime(settings, scripted_loader(ScriptedEngine(lambda _prompt: "one two three", delay_s=0.2)))
    with serving(slow, platform=PlatformSettings(faults=True)) as client:
        authorized(client)
        for _ in range(4):
            job = run(client)
            wait(lambda job=job: status(client, job)["status"] == "IN_PROGRESS")  # type: ignore[misc]
            client.post("/_faults", json={"action": "duplicate", "job": job})
            wait(lambda job=job: status(client, job)["status"] == "COMPLETED")  # type: ignore[misc]


def test_a_job_that_is_cancelled_stops_in_its_worker() -> None:
    """The place is free for the next one long before it would have ended."""
    platform = PlatformSettings(min_workers=1, max_workers=1)
    with serving(runtime(), platform=platform, command=Workers(60).command) as client:
        authorized(client)
        jobs = [run(client) for _ in range(5)]
        wait(lambda: health(client)["jobs"]["inProgress"] == 4, 60)
        assert "CANCELLED" == client.post(f"/v2/askpod/cancel/{jobs[0]}").json()["status"]
        wait(lambda: status(client, jobs[4])["status"] == "IN_PROGRESS", 20)


def test_questions_over_http_are_answered_by_the_workers() -> None:
    """The same answer and the same errors as without them; a caller who leaves stops the work."""
    with serving(runtime(), platform=PlatformSettings(max_workers=1)) as client:
        authorized(client)
        response = client.post("/v1/ask", json={"question": QUESTION}, headers={"X-Request-ID": "r-1"}, timeout=60)
        answer = response.json()
        assert ("r-1", "r-1") == (answer["request_id"], response.headers["x-request-id"])
        assert "port 8000" in answer["answer"]
        assert answer["citations"]
        unknown = client.post("/v1/ask", json={"question": QUESTION, "adapter": "nobody"})
        assert (422, "unknown_adapter") == (unknown.status_code, unknown.json()["code"])
        events = client.post("/v1/ask", json={"question": QUESTION, "stream": True}).text
        assert ["event: citation", "event: verification", "event: final", "event: done"] == events.splitlines()[::3]
        late = client.post("/v1/ask", json={"question": QUESTION, "timeout_s": 0.001})
        assert (504, "deadline_exceeded") == (late.status_code, late.json()["code"])


def test_a_server_that_is_stopped_lets_its_jobs_end_first() -> None:
    """Whoever waits for one gets it; new ones are refused; no worker is left."""
    platform, workers = PlatformSettings(min_workers=1, max_workers=1), Workers(0.5)
    with ThreadPoolExecutor() as pool:
        with serving(runtime(), platform=platform, command=workers.command, grace_s=20) as client:
            authorized(client)
            waiting = pool.submit(httpx.post, f"{client.base_url}/v2/askpod/runsync", json=BODY, timeout=60,
                                  headers={"Authorization": KEY})  # fmt: skip
            wait(lambda: health(client)["jobs"]["inProgress"] == 1, 60)
        assert "COMPLETED" == waiting.result().json()["status"]
    assert [] == workers.pids()


def test_workers_end_with_a_server_that_is_killed() -> None:
    """They would ask it for jobs for ever otherwise."""
    workers = Workers()
    code = (
        "from tests.local_server.platform.test_fleet import runtime; from local_server.server import Server;"
        "from local_server.platform.settings import PlatformSettings;"
        f"Server.around(runtime(), PlatformSettings(min_workers=1, max_workers=1), {workers.command}).run()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment(), stderr=subprocess.DEVNULL)
    try:
        wait(lambda: bool(workers.pids()))
    finally:
        process.kill()
        process.wait()
    wait(lambda: not workers.pids())


@pytest.mark.parametrize("count", [500])
def test_a_burst_of_jobs_is_taken_or_refused_clearly(count: int) -> None:
    """Never an error of the server; and those that were taken are done in their order."""
    with serving(runtime()) as client, ThreadPoolExecutor(50) as pool:
        authorized(client)
        responses = list(pool.map(lambda _: client.post("/v2/askpod/run", json=BODY), range(count)))
        codes = Counter(response.status_code for response in responses)
        assert {200, 429} >= set(codes)
        assert codes[200] >= 100
        ids = [response.json()["id"] for response in responses if response.status_code == 200]
        wait(lambda: health(client)["jobs"]["completed"] == len(ids), 60)


@pytest.mark.chaos
def test_no_job_is_lost_while_workers_are_killed() -> None:
    """200 jobs over 3 workers, one of which is killed every few seconds: each is answered, once."""
    draw = random.Random(7)  # noqa: S311
    platform, workers = PlatformSettings(min_workers=3, max_workers=3), Workers(0.3)
    with serving(runtime(), platform=platform, command=workers.command) as client:
        authorized(client)
        wait(lambda: health(client)["workers"]["idle"] == 3, 90)
        jobs = [run(client) for _ in range(200)]
        until, killed = time.monotonic() + 400, 0
        while health(client)["jobs"]["completed"] < len(jobs) and time.monotonic() < until:
            time.sleep(draw.uniform(2, 5))
            if running := workers.pids():
                os.kill(draw.choice(running), signal.SIGKILL)
                killed += 1
        ended = [status(client, job) for job in jobs]
        assert Counter(job["status"] for job in ended) == {"COMPLETED": 200}
        assert killed > 3
        assert {"completed": 200, "failed": 0}.items() <= health(client)["jobs"].items()
        assert all("port 8000" in job["output"]["answer"] for job in ended)
