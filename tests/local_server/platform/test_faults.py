"""Faults on demand, against the real SDK in real workers; and the Hub's test runner."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.settings import Settings
from local_server.platform.harness import Plan, run_tests
from local_server.platform.settings import PlatformSettings
from tests.fakes.loading import scripted_loader
from tests.local_server.platform.test_fleet import Workers
from tests.local_server.serving import KEY, QUESTION, serving, wait

BODY = {"input": {"question": QUESTION}}


def runtime() -> Runtime:
    return Runtime(Settings(api_keys=(SecretStr(KEY),), port=0), scripted_loader(ScriptedEngine()))


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """Of a server with two workers that may be asked for faults; a word takes .1 s."""
    platform = PlatformSettings(min_workers=2, max_workers=2, faults=True, worker_lost_s=5, execution_timeout_s=8)
    with serving(runtime(), platform=platform, command=Workers(0.1).command) as client:
        client.headers["Authorization"] = KEY
        wait(lambda: client.get("/v2/askpod/health").json()["workers"]["idle"] == 2)
        yield client


@pytest.fixture(autouse=True)
def _nothing_is_left(client: httpx.Client) -> Iterator[None]:
    yield
    client.delete("/_faults")


def ask_for(client: httpx.Client, **fault: Any) -> None:
    response = client.post("/_faults", json=fault)
    assert 200 == response.status_code, response.text


def run(client: httpx.Client) -> str:
    return str(client.post("/v2/askpod/run", json=BODY).json()["id"])


def status(client: httpx.Client, job_id: str) -> dict[str, Any]:
    body: dict[str, Any] = client.get(f"/v2/askpod/status/{job_id}").json()
    return body


def ended(client: httpx.Client, job_id: str, seconds: float = 120) -> dict[str, Any]:
    wait(lambda: "executionTime" in status(client, job_id), seconds)
    return status(client, job_id)


@pytest.mark.parametrize("answer", ["204", "400", "500", "reset", "slow"])
def test_a_worker_survives_whatever_job_take_answers(client: httpx.Client, answer: str) -> None:
    """It asks again, and does the job."""
    ask_for(client, route="job-take", answer=answer, times=6, delay_s=0.2)
    assert "COMPLETED" == ended(client, run(client))["status"]


@pytest.mark.slow
def test_a_worker_that_is_told_to_slow_down_waits(client: httpx.Client) -> None:
    """Five seconds after each 429; then it does the job."""
    ask_for(client, route="job-take", answer="429", times=2)
    job = run(client)
    wait(lambda: client.get("/_faults").json()["planned"] == [])
    assert "COMPLETED" == ended(client, job, 60)["status"]


def test_a_result_that_meets_an_error_of_the_platform_comes_again(client: httpx.Client) -> None:
    """The SDK posts it again after a 5xx."""
    ask_for(client, route="job-done", answer="500", times=1)
    assert "COMPLETED" == ended(client, run(client))["status"]


@pytest.mark.parametrize(
    "answer", ["lost", *(pytest.param(answer, marks=pytest.mark.slow) for answer in ("400", "429", "reset"))]
)
def test_a_result_that_is_refused_or_lost_is_gone(client: httpx.Client, answer: str) -> None:
    """The SDK does not post it again; the job runs until its time is up, and can be tried again then."""
    ask_for(client, route="job-done", answer=answer)
    job = run(client)
    assert "TIMED_OUT" == ended(client, job)["status"]
    assert "IN_QUEUE" == client.post(f"/v2/askpod/retry/{job}").json()["status"]
    assert "COMPLETED" == ended(client, job)["status"]


def test_a_job_that_is_handed_out_twice_has_one_result(client: httpx.Client) -> None:
    """Of whoever is first; the other one is told to stop, or refused."""
    job = run(client)
    wait(lambda: status(client, job)["status"] == "IN_PROGRESS")
    before = client.get("/v2/askpod/health").json()["jobs"]["completed"]
    ask_for(client, action="duplicate", job=job)
    body = ended(client, job)
    assert ("COMPLETED", before + 1) == (body["status"], client.get("/v2/askpod/health").json()["jobs"]["completed"])


def test_a_worker_that_freezes_loses_its_job_to_another(client: httpx.Client) -> None:
    """And is replaced; one that is killed as well."""
    for action in ("freeze", "kill"):
        wait(lambda: client.get("/v2/askpod/health").json()["workers"]["idle"] == 2)
        job = run(client)
        wait(lambda job=job: status(client, job)["status"] == "IN_PROGRESS")  # type: ignore[misc]
        worker = status(client, job)["workerId"]
        ask_for(client, action=action, worker=worker)
        # Its time begins anew with the other one.
        wait(lambda job=job, worker=worker: status(client, job).get("workerId") not in (None, worker))  # type: ignore[misc]
        assert "COMPLETED" == ended(client, job)["status"]


def test_a_worker_that_thaws_in_time_keeps_its_job(client: httpx.Client) -> None:
    """Nothing was lost."""
    wait(lambda: client.get("/v2/askpod/health").json()["workers"]["idle"] == 2)
    job = run(client)
    wait(lambda: status(client, job)["status"] == "IN_PROGRESS")
    worker = status(client, job)["workerId"]
    for action in ("freeze", "thaw"):
        ask_for(client, action=action, worker=worker)
    assert ("COMPLETED", worker) == (ended(client, job)["status"], status(client, job)["workerId"])


@pytest.mark.parametrize(
    "fault",
    [{}, {"action": []},
     {"route": "run", "answer": "500"}, {"route": "job-take", "answer": "lost"}, {"action": "explode"},
     {"route": "ping", "answer": "500", "times": 0}, {"route": "ping", "answer": "500", "times": True},
     {"route": "ping", "answer": "slow", "delay_s": -1}, {"route": "ping", "answer": "slow", "delay_s": "1"},
     {"action": "kill", "worker": "nobody"}, {"route": ["ping"], "answer": "500"}],
)  # fmt: skip
def test_a_fault_that_cannot_be_is_refused(client: httpx.Client, fault: dict[str, Any]) -> None:
    """With what can."""
    response = client.post("/_faults", json=fault)
    assert (400, {"error"}) == (response.status_code, set(response.json()))
    assert [] == client.get("/_faults").json()["planned"]


def test_a_job_that_nobody_has_is_not_handed_out_twice(client: httpx.Client) -> None:
    """Neither one that is done, nor one that is unknown."""
    job = run(client)
    ended(client, job)
    assert 400 == client.post("/_faults", json={"action": "duplicate", "job": job}).status_code
    assert 404 == client.post("/_faults", json={"action": "duplicate", "job": "nobody"}).status_code


def test_nobody_may_ask_for_faults_unless_they_were_opened() -> None:
    """There is nothing, and without a key not even that."""
    with serving(runtime()) as client:
        assert 401 == client.get("/_faults").status_code
        assert 404 == client.get("/_faults", headers={"Authorization": KEY}).status_code


def test_the_hubs_test_runner_is_satisfied(tmp_path: Path) -> None:
    """With its environment for the worker; a test fails when its job does, or when its time is up."""
    plan = {
        "tests": [
            {"name": "good", "input": {"question": QUESTION}, "timeout": 60_000},
            {"name": "bad", "input": {"question": 5}},
            {"name": "late", "input": {"question": QUESTION}, "timeout": 1},
        ],
        "config": {"env": [{"key": "HANDLER_CONCURRENCY", "value": 2}]},
    }
    (tmp_path / "tests.json").write_text(json.dumps(plan), encoding="utf-8")
    read = Plan.read(tmp_path / "tests.json")
    assert {"HANDLER_CONCURRENCY": "2"} == read.environment
    settings = Settings(auth_disabled=True, port=0)
    platform = PlatformSettings(min_workers=1, max_workers=1, hub_harness=True)
    lines: list[str] = []
    made = Runtime(settings, scripted_loader(ScriptedEngine()))
    with serving(made, until_ready=False, platform=platform, command=Workers(0.3).command) as client:
        failed = run_tests(read, f"{str(client.base_url).rstrip('/')}/v2/askpod", lines.append)
        counts = client.get("/v2/askpod/health").json()["workers"]
    assert 2 == failed
    assert [("passed", "good"), ("FAILED", "bad"), ("FAILED", "late")] == [tuple(line.split()[:2]) for line in lines]
    assert 1 == counts["idle"] + counts["running"] == sum(counts.values()) - counts["ready"]


@pytest.mark.parametrize("content", ["", "{}", '{"tests": []}', '{"tests": [{"name": "x"}]}', "[]", '{"tests": 5}'])
def test_a_plan_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    """In a sentence with the file's name."""
    with pytest.raises(ValueError, match=r"tests\.json"):
        Plan.read(tmp_path / "tests.json")
    (tmp_path / "tests.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"tests\.json"):
        Plan.read(tmp_path / "tests.json")


def test_the_projects_own_plan_can_be_read() -> None:
    """The one that the Hub finds."""
    assert Plan.read().tests
