"""HANDLER_MODE=stream: the official clients read an answer while it is made."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import runpod
from pydantic import SecretStr

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.settings import Settings
from tests.fakes.loading import scripted_loader
from tests.local_server.conftest import MODES
from tests.local_server.serving import KEY, QUESTION, SENTENCE, WORKER, events_of, serving, wait

JS = Path(__file__).parent / "js"


@pytest.fixture(scope="module", params=MODES)
def client(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """Of a server whose handler streams, a word in .2 s; in its own process, and in two."""
    settings = Settings(api_keys=(SecretStr(KEY),), port=0, handler_mode="stream")
    runtime = Runtime(settings, scripted_loader(ScriptedEngine(lambda _prompt: SENTENCE, delay_s=0.2)))
    mode = MODES[request.param]
    # Workers have the environment of their server.
    os.environ["HANDLER_MODE"] = "stream"
    with serving(runtime, platform=mode, command=(*WORKER[:-1], "0.2")) as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        wait(lambda: client.get("/v2/askpod/health").json()["workers"]["idle"] == max(1, mode.min_workers))
        del os.environ["HANDLER_MODE"]
        yield client


@pytest.fixture
def base(client: httpx.Client) -> Iterator[str]:
    before = runpod.endpoint_url_base
    runpod.endpoint_url_base = f"{str(client.base_url).rstrip('/')}/v2"
    yield runpod.endpoint_url_base
    runpod.endpoint_url_base = before


def is_whole(pieces: list[dict[str, Any]]) -> bool:
    """Sources before the first word, the answer last, and the words in several pieces."""
    types = [piece["type"] for piece in pieces]
    return types.index("sources") < types.index("delta") and types[-1] == "final" and types.count("delta") > 2


def test_python_reads_pieces_while_the_job_runs(base: str) -> None:
    """And the output is the list of them."""
    job = runpod.Endpoint("askpod", api_key=KEY).run({"question": QUESTION})
    pieces, running = [], []
    for piece in job.stream():
        pieces.append(piece)
        running.append(httpx.get(f"{base}/askpod/status/{job.job_id}", headers={"Authorization": KEY}).json()["status"])
    assert is_whole(pieces)
    assert "IN_PROGRESS" == running[0]
    assert pieces == job.output()


@pytest.mark.skipif(not (JS / "node_modules").is_dir(), reason="needs `make clients`")
def test_javascript_reads_the_same(base: str) -> None:
    """Through its async generator."""
    command = ["node", str(JS / "calls.mjs"), base, KEY, "askpod", QUESTION]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=90)
    assert 0 == finished.returncode, finished.stderr
    said = {line["call"]: line["result"] for line in map(json.loads, finished.stdout.splitlines())}
    assert is_whole([chunk["output"] for chunk in said["stream"]])
    assert [chunk["output"] for chunk in said["stream"]] == said["status"]["output"]


def test_curl_gets_what_has_come(client: httpx.Client) -> None:
    """The first word long before the last."""
    job_id = client.post("/v2/askpod/run", json={"input": {"question": QUESTION}}).json()["id"]
    began, first, last = time.monotonic(), 0.0, 0.0
    while True:
        body = client.get(f"/v2/askpod/stream/{job_id}").json()
        if not first and any(piece["output"]["type"] == "delta" for piece in body["stream"]):
            first = time.monotonic() - began
        if body["status"] == "COMPLETED":
            last = time.monotonic() - began
            break
    assert 0 < first < last - 0.5


def test_questions_over_http_stream_as_well(client: httpx.Client) -> None:
    """Whoever has the model."""
    names = [name for name, _data in events_of(client)]
    assert ["status", "status", "sources", "status", "delta"] == names[:5]
    assert ["verification", "final", "done"] == names[-3:]


def test_a_question_over_http_is_a_job_that_is_completed(client: httpx.Client) -> None:
    """Where workers have the model; nobody leaves it before its end."""

    def completed() -> int:
        return int(client.get("/v2/askpod/health").json()["jobs"]["completed"])

    before, by_workers = completed(), client.get("/health").json().get("workers") is not None
    assert 200 == client.post("/v1/ask", json={"question": QUESTION}).status_code
    assert before + by_workers == completed()


def test_a_failed_job_says_why(client: httpx.Client) -> None:
    """In the platform's `error`, as without streaming."""
    job = client.post("/v2/askpod/runsync", json={"input": {"question": 5}}).json()
    assert ("FAILED", "invalid_request") == (job["status"], json.loads(job["error"])["code"])


def test_openais_client_streams_through_the_queue(client: httpx.Client) -> None:
    """The words come when they are verified, and are those of an answer that is not streamed."""
    url = f"{str(client.base_url).rstrip('/')}/v2/askpod/openai/v1"
    with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0) as official:
        pieces = []
        for chunk in official.chat.completions.create(
            model="askpod", messages=[{"role": "user", "content": QUESTION}], stream=True
        ):
            pieces.append(chunk.choices[0].delta.content or "")
        whole = official.chat.completions.create(model="askpod", messages=[{"role": "user", "content": QUESTION}])
    assert "port 8000" in "".join(pieces)
    assert "".join(pieces) == whole.choices[0].message.content
    assert len(pieces) > 2
