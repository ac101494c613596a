"""Real worker processes under the SDK's loop: they come, die, come again and leave."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.settings import Settings
from local_server.platform.queue import JobQueue
from local_server.platform.settings import PlatformSettings
from local_server.platform.workers import Workers as PlatformWorkers
from tests.conftest import ROOT, environment
from tests.fakes.loading import scripted_loader
from tests.local_server.conftest import Log
from tests.local_server.serving import KEY, QUESTION, WORKER, free_port, serving, wait

BODY = {"input": {"question": QUESTION}}


def runtime(port: int = 0, grace_s: float = 5) -> Runtime:
    """Of the server; it loads nothing where there are workers."""
    settings = Settings(api_keys=(SecretStr(KEY),), port=port, drain_timeout_s=grace_s)
    return Runtime(settings, scripted_loader(ScriptedEngine()))


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
        return [pid for pid, group in self._found() if pid == group]

    def everybody(self) -> list[int]:
        """Of those that run, and of what they have started."""
        return [pid for pid, group in self._found() if group != os.getpgrp()]

    def _found(self) -> Iterator[tuple[int, int]]:
        found = subprocess.run(["pgrep", "-f", self._tag], capture_output=True, text=True, check=False).stdout.split()
        for pid in map(int, found):
            with suppress(ProcessLookupError):
                yield pid, os.getpgid(pid)

    @contextmanager
    def server(self, grace_s: int) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
        """A server of one of them in a process of its own."""
        port = free_port()
        code = (
            "from tests.local_server.platform.test_fleet import runtime; from local_server.server import Server;"
            "from local_server.platform.process import launch_command;"
            "from local_server.platform.settings import PlatformSettings;"
            "platform = PlatformSettings(min_workers=1, max_workers=1);"
            f"Server.around(runtime({port}, {grace_s}), platform, launch_command({self.command})).run()"
        )
        process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment(), stderr=subprocess.DEVNULL)
        try:
            with authorized(httpx.Client(base_url=f"http://127.0.0.1:{port}")) as client:
                wait(lambda: bool(self.pids()))
                yield process, client
        finally:
            process.kill()
            process.wait()


def test_workers_come_with_the_work_and_leave_without(log: Log) -> None:
    """From none to as many as there are jobs for, and back; the log has a line for each step."""
    platform = PlatformSettings(max_workers=2, scaler="request_count", scaler_value=1, idle_timeout_s=1)
    workers = Workers()
    with serving(runtime(), platform=platform, command=workers.command) as client:
        authorized(client)
        assert 0 == sum(health(client)["workers"].values())
        jobs = [run(client) for _ in range(5)]
        wait(lambda: all(status(client, job)["status"] == "COMPLETED" for job in jobs))
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
        wait(lambda: status(client, job)["status"] == "IN_PROGRESS")
        (pid,) = workers.pids()
        os.kill(pid, signal.SIGKILL)
        wait(lambda: status(client, job)["status"] == "COMPLETED")
        assert "worker-2" == status(client, job)["workerId"]
        assert {"completed": 1, "retried": 1, "failed": 0}.items() <= health(client)["jobs"].items()
    (died,) = log.lines("worker.died")
    assert ("worker-1", "signal 9", 1, 1.0) == (
        died["worker"], died["how"], died["jobs_back_in_queue"], died["next_start_in_s"],
    )  # fmt: skip
    wait(lambda: not workers.pids())


def test_a_job_that_kills_its_workers_is_refused_by_the_third(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: Log
) -> None:
    """Two die of it, and no more; those that ran beside it are done, and so is the next."""
    monkeypatch.setenv("POISON_LEDGER", str(tmp_path))
    platform = PlatformSettings(min_workers=1, max_workers=1, max_deliveries=9)
    command = (sys.executable, "-m", "tests.handler.mortal_worker")
    with serving(runtime(), platform=platform, command=command) as client:
        authorized(client)
        deadly = {"input": {"question": "Which port does the deadly HTTP server listen on?"}}
        poison = client.post("/v2/askpod/run", json=deadly).json()["id"]
        innocent = [run(client) for _ in range(3)]
        wait(lambda: status(client, poison)["status"] == "FAILED")
        problem = json.loads(status(client, poison)["error"])
        assert ("poison_job", False) == (problem["code"], problem["retryable"])
        wait(lambda: all(status(client, job)["status"] == "COMPLETED" for job in innocent))
        assert "COMPLETED" == client.post("/v2/askpod/runsync", json=BODY).json()["status"]
        # The mark of the poison stays; the others' are gone.
        assert 1 == len(list(tmp_path.iterdir()))
    assert ["signal 9"] * 2 == [line["how"] for line in log.lines("worker.died")]


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
        wait(lambda: health(client)["workers"]["idle"] == 1)


def test_a_worker_that_was_to_be_replaced_and_falls_silent_is_replaced(log: Log) -> None:
    """The fleet goes on."""
    platform = PlatformSettings(min_workers=1, max_workers=1, worker_lost_s=5, worker_key=SecretStr("w"))
    workers = Workers(30)
    with serving(runtime(), platform=platform, command=workers.command) as client:
        authorized(client)
        jobs = [run(client), run(client)]
        wait(lambda: health(client)["jobs"]["inProgress"] == 2)
        (pid,) = workers.pids()
        os.killpg(pid, signal.SIGSTOP)
        done = {"output": 1, "stopPod": True}
        url = f"/v2/askpod/job-done/worker-1/{jobs[0]}?isStream=false"
        assert 200 == client.post(url, json=done, headers={"Authorization": "w"}).status_code
        wait(lambda: status(client, jobs[1]).get("workerId") == "worker-2")
        assert 1 == health(client)["jobs"]["inProgress"]
    assert ["not heard of"] == [line["how"] for line in log.lines("worker.died")]


def test_a_job_in_the_servers_process_ends_before_the_server_does() -> None:
    """SIGTERM while it runs; the server neither hangs nor drops it."""
    settings = Settings(api_keys=(SecretStr(KEY),), port=0)
    slow = Runtime(settings, scripted_loader(ScriptedEngine(lambda _prompt: "one two three", delay_s=0.5)))
    with ThreadPoolExecutor() as pool:
        with serving(slow, grace_s=10) as client:
            authorized(client)
            waiting = pool.submit(httpx.post, f"{client.base_url}/v2/askpod/runsync", json=BODY, timeout=120,
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
        wait(lambda: health(client)["jobs"]["inProgress"] == 4)
        assert "CANCELLED" == client.post(f"/v2/askpod/cancel/{jobs[0]}").json()["status"]
        wait(lambda: status(client, jobs[4])["status"] == "IN_PROGRESS", 20)


def test_questions_over_http_are_answered_by_the_workers() -> None:
    """The same answer and the same errors as without them; a caller who leaves stops the work."""
    with serving(runtime(), platform=PlatformSettings(max_workers=1)) as client:
        authorized(client)
        response = client.post("/v1/ask", json={"question": QUESTION}, headers={"X-Request-ID": "r-1"}, timeout=120)
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


def test_an_answer_whose_worker_dies_ends_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was said cannot be taken back, so the next worker does not begin it anew; the caller may ask again."""
    monkeypatch.setenv("HANDLER_MODE", "stream")
    platform, workers = PlatformSettings(min_workers=1, max_workers=1), Workers(0.5)
    with serving(runtime(), platform=platform, command=workers.command) as client:
        authorized(client)
        with client.stream("POST", "/v1/ask", json={"question": QUESTION, "stream": True}) as response:
            lines = response.iter_lines()
            assert "event: delta" in lines
            os.kill(*workers.pids(), signal.SIGKILL)
            rest = list(lines)
        assert ["event: error"] == [line for line in rest if line.startswith("event: ")][-1:]
        assert "generation_failed" == json.loads(rest[-2][6:])["code"]
        wait(lambda: health(client)["jobs"]["inProgress"] + health(client)["jobs"]["inQueue"] == 0)


def test_the_models_are_listed_although_no_worker_is_there_yet() -> None:
    """One is started to tell them; they are not asked for a second time."""
    with serving(runtime(), platform=PlatformSettings(max_workers=1)) as client:
        authorized(client)
        listed = [client.get("/v1/models", timeout=120).json()["data"] for _ in range(2)]
        assert listed[0] == listed[1]
        assert 2 <= len(listed[0])
        assert 1 == health(client)["jobs"]["completed"]


def test_the_servers_own_process_cannot_be_lost() -> None:
    """However long it was too busy to say that it lives."""
    now = [0.0]
    queue = JobQueue(retention_s=1, sync_retention_s=1, max_deliveries=1, clock=lambda: now[0])
    workers = PlatformWorkers(queue, 5, 5, lambda: now[0])
    workers.add("here").here = True
    workers.add("loads")
    workers.asked("works")
    assert [] == workers.lost()
    now[0] = 5.1
    assert ["loads", "works"] == [worker.id for worker in workers.lost()]


def test_a_worker_that_hangs_while_it_loads_is_replaced(log: Log) -> None:
    """Jobs do not wait for it for ever."""
    platform = PlatformSettings(max_workers=1, init_timeout_s=1)
    with serving(runtime(), platform=platform, command=("sleep", "1000")) as client:
        authorized(client)
        job = run(client)
        wait(lambda: len(log.lines("worker.died")) == 2)
        assert {1.0} == {line["after_s"] for line in log.lines("worker.lost")}
        assert "IN_QUEUE" == status(client, job)["status"]


def test_workers_that_crash_beside_one_that_works_are_started_more_and_more_seldom(log: Log, tmp_path: Path) -> None:
    """The one that works says nothing about them."""
    workers, command = Workers(), tmp_path / "worker"
    only_first = f'[ "$RUNPOD_POD_ID" = worker-1 ] || exit 1\nexec {" ".join(workers.command)}\n'
    command.write_text(f"#!/bin/sh\n{only_first}", encoding="utf-8")
    command.chmod(0o755)
    platform = PlatformSettings(min_workers=2, max_workers=2)
    with serving(runtime(), platform=platform, command=(str(command),)) as client:
        authorized(client)
        wait(lambda: health(client)["workers"]["idle"] == 1)
        # The pauses before it was ready do not count.
        done = len(log.lines("worker.died"))
        wait(lambda: len(log.lines("worker.died")) >= done + 3)
    pauses = [line["next_start_in_s"] for line in log.lines("worker.died")]
    assert pauses == sorted(pauses)
    assert len(set(pauses)) == len(pauses)


def test_a_worker_whose_loop_is_blocked_for_seconds_still_delivers(tmp_path: Path) -> None:
    """Its connection is not closed under it: the SDK would post the result on it, once."""
    worker = tmp_path / "blocking.py"
    worker.write_text(
        "import time, runpod\n"
        "def handler(job):\n    time.sleep(job['input']['seconds'])\n    return 'done'\n"
        "runpod.serverless.start({'handler': handler})\n",
        encoding="utf-8",
    )
    platform = PlatformSettings(min_workers=1, max_workers=1)
    with serving(runtime(), platform=platform, command=(sys.executable, str(worker))) as client:
        authorized(client)
        wait(lambda: health(client)["workers"]["idle"] == 1)
        for seconds in (0.1, 7):
            job = client.post("/v2/askpod/run", json={"input": {"seconds": seconds}}).json()["id"]
            wait(lambda job=job: status(client, job)["status"] == "COMPLETED", 20)  # type: ignore[misc]


def test_a_stream_through_workers_is_alive_before_the_first_word() -> None:
    """Also where the answer comes all at once; what fails at once has a status of its own."""
    platform = PlatformSettings(min_workers=1, max_workers=1)
    with serving(runtime(), platform=platform, command=Workers(0.3).command, heartbeat_s=0.2) as client:
        authorized(client)
        text = client.post("/v1/ask", json={"question": QUESTION, "stream": True}).text
        assert text.startswith(": ping")
        assert "event: done" in text
        body = {"question": QUESTION, "stream": True, "mode": "extractive", "adapter": "nobody"}
        assert 422 == client.post("/v1/ask", json=body).status_code


def test_an_answer_that_is_whole_does_not_wait_for_a_result_that_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker has streamed all of it."""
    monkeypatch.setenv("HANDLER_MODE", "stream")
    platform = PlatformSettings(min_workers=1, max_workers=1, faults=True)
    with serving(runtime(), platform=platform, command=Workers().command) as client:
        authorized(client)
        client.post("/_faults", json={"route": "job-done", "answer": "lost"})
        began = time.monotonic()
        answer = client.post("/v1/ask", json={"question": QUESTION, "timeout_s": 20})
        assert "port 8000" in answer.json()["answer"]
        assert time.monotonic() - began < 15


def test_a_server_that_is_stopped_lets_its_jobs_end_first() -> None:
    """Whoever waits for one gets it; new ones are refused; no worker is left."""
    platform, workers = PlatformSettings(min_workers=1, max_workers=1), Workers(0.5)
    with ThreadPoolExecutor() as pool:
        with serving(runtime(), platform=platform, command=workers.command, grace_s=20) as client:
            authorized(client)
            waiting = pool.submit(httpx.post, f"{client.base_url}/v2/askpod/runsync", json=BODY, timeout=120,
                                  headers={"Authorization": KEY})  # fmt: skip
            wait(lambda: health(client)["jobs"]["inProgress"] == 1)
        assert "COMPLETED" == waiting.result().json()["status"]
    assert [] == workers.pids()


def test_a_job_that_waits_is_told_at_once_that_the_server_stops() -> None:
    """Its client does not hang until the jobs that run have ended; it may ask elsewhere."""
    platform, workers = PlatformSettings(min_workers=1, max_workers=1), Workers(60)
    with ThreadPoolExecutor() as pool:
        with serving(runtime(), platform=platform, command=workers.command, grace_s=3) as client:
            authorized(client)
            running = [run(client) for _ in range(4)]
            wait(lambda: health(client)["jobs"]["inProgress"] == 4)
            urls = ("/v2/askpod/runsync", "/v1/ask", "/v2/askpod/openai/v1/chat/completions")
            by_key = {"Authorization": KEY}
            bodies = (BODY, BODY["input"], {"model": "askpod", "messages": [{"role": "user", "content": QUESTION}]})
            waiting = [
                pool.submit(httpx.post, f"{client.base_url}{url}", json=body, timeout=120, headers=by_key)
                for url, body in zip(urls, bodies, strict=True)
            ]
            wait(lambda: health(client)["jobs"]["inQueue"] == 3)
            began = time.monotonic()
            slowest = pool.submit(httpx.get, f"{client.base_url}/v2/askpod/status-sync/{running[0]}", timeout=120,
                                  headers={"Authorization": KEY})  # fmt: skip
        seconds = time.monotonic() - began
        runsync, ask, openai = [future.result() for future in waiting]
        for job in (runsync.json(), slowest.result().json()):
            assert ("FAILED", "The server stopped before a worker had done the job.") == (job["status"], job["error"])
        assert (503, "unavailable") == (ask.status_code, ask.json()["code"])
        assert "unavailable" == openai.json()["error"]["code"]
    # One grace for the jobs, their workers and their clients, not one after the other.
    assert seconds < 10
    assert [] == workers.everybody()


def test_whoever_asks_a_second_time_does_not_wait_for_the_jobs() -> None:
    """Ctrl-C, and Ctrl-C again."""
    workers = Workers(60)
    with workers.server(grace_s=600) as (process, client):
        wait(lambda: client.get("/health").status_code == 200)
        run(client)
        wait(lambda: health(client)["jobs"]["inProgress"] == 1)
        process.send_signal(signal.SIGINT)
        wait(lambda: client.post("/v2/askpod/run", json=BODY).status_code == 503)
        process.send_signal(signal.SIGINT)
        process.wait(120)
        assert [] == workers.everybody()


def test_workers_end_with_a_server_that_is_killed() -> None:
    """They, and their pings, would ask it for ever otherwise."""
    workers = Workers()
    with workers.server(grace_s=5) as (process, _):
        wait(lambda: len(workers.everybody()) == 2)
        process.kill()
        wait(lambda: not workers.everybody())


@pytest.mark.parametrize("count", [500])
def test_a_burst_of_jobs_is_taken_or_refused_clearly(count: int) -> None:
    """Never an error of the server; and those that were taken are done."""
    with serving(runtime()) as client, ThreadPoolExecutor(50) as pool:
        authorized(client)
        responses = list(pool.map(lambda _: client.post("/v2/askpod/run", json=BODY), range(count)))
        codes = Counter(response.status_code for response in responses)
        assert {200, 429} >= set(codes)
        assert codes[200] >= 100
        ids = [response.json()["id"] for response in responses if response.status_code == 200]
        wait(lambda: health(client)["jobs"]["completed"] == len(ids))
