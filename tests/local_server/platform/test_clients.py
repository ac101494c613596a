"""The official clients, as they come from their registries, against the server, unchanged."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import runpod
from runpod.endpoint.asyncio.asyncio_runner import Endpoint as AsyncEndpoint
from runpod.http_client import AsyncClientSession

from tests.local_server.serving import KEY, QUESTION

JS = Path(__file__).parent / "js"
INPUT = {"question": QUESTION}


@pytest.fixture
def base(platform: httpx.Client) -> Iterator[str]:
    """What the Python client takes instead of the platform's URL."""
    before = runpod.endpoint_url_base
    runpod.endpoint_url_base = f"{str(platform.base_url).rstrip('/')}/v2"
    yield runpod.endpoint_url_base
    runpod.endpoint_url_base = before


@pytest.fixture
def endpoint(base: str) -> runpod.Endpoint:
    return runpod.Endpoint("askpod", api_key=KEY)


def is_answer(output: Any) -> bool:
    return "port 8000" in output["answer"] and bool(output["citations"])


def test_python_run_and_status_and_output(endpoint: runpod.Endpoint) -> None:
    """A job that was handed in is done some time later."""
    job = endpoint.run(INPUT)
    assert job.job_id.endswith("-local")
    assert is_answer(job.output(timeout=120))
    assert "COMPLETED" == job.status()


def test_python_run_sync(endpoint: runpod.Endpoint) -> None:
    """The output itself."""
    assert is_answer(endpoint.run_sync({"input": INPUT}, timeout=120))


def test_python_stream_of_a_handler_that_streams_nothing(endpoint: runpod.Endpoint) -> None:
    """It ends, with nothing."""
    assert [] == list(endpoint.run(INPUT).stream())


def test_python_cancel_health_and_purge(endpoint: runpod.Endpoint) -> None:
    """Whatever the job has come to, it is cancelled or was done before."""
    job = endpoint.run(INPUT)
    assert job.cancel()["status"] in ("CANCELLED", "COMPLETED")
    health = endpoint.health()
    assert {"completed", "failed", "inProgress", "inQueue", "retried"} == set(health["jobs"])
    assert {"idle", "initializing", "ready", "running", "throttled", "unhealthy"} == set(health["workers"])
    assert {"removed": 0, "status": "completed"} == endpoint.purge_queue()


def test_python_with_a_wrong_key(base: str) -> None:
    """The client says what is wrong in its own words."""
    with pytest.raises(RuntimeError, match="401"):
        runpod.Endpoint("askpod", api_key="wrong").run(INPUT)


def test_python_asyncio(base: str) -> None:
    """The client's other half."""

    async def ask() -> tuple[Any, str, dict[str, Any]]:
        async with AsyncClientSession() as session:
            endpoint = AsyncEndpoint("askpod", session, api_key=KEY)
            job = await endpoint.run(INPUT)
            return await job.output(timeout=120), await job.status(), await endpoint.health()

    output, status, health = asyncio.run(ask())
    assert is_answer(output)
    assert ("COMPLETED", 0) == (status, health["jobs"]["inQueue"])


@pytest.mark.skipif(not (JS / "node_modules").is_dir(), reason="needs `make clients`")
def test_javascript(base: str) -> None:
    """Every call; an error has the platform's shape."""
    command = ["node", str(JS / "calls.mjs"), base, KEY, "askpod", QUESTION]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=90)
    assert 0 == finished.returncode, finished.stderr
    said = {line["call"]: line["result"] for line in map(json.loads, finished.stdout.splitlines())}
    for call in ("runSync", "statusSync", "status"):
        assert {"completed": True, "succeeded": True, "status": "COMPLETED"}.items() <= said[call].items()
        assert is_answer(said[call]["output"])
    assert [] == said["stream"]
    assert "IN_QUEUE" == said["run"]["status"]
    assert said["cancel"]["status"] == said["cancelled"]["status"]
    assert said["cancelled"]["status"] in ("CANCELLED", "COMPLETED")
    assert 0 == said["health"]["jobs"]["inQueue"]
    assert "completed" == said["purgeQueue"]["status"]
    assert 404 == said["unknown"]["status"]
    assert "error" in said["unknown"]["body"]
