"""Every route over HTTP, field by field, with a test in the part of the worker."""

import json
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.settings import Settings
from local_server.platform.settings import PlatformSettings
from tests.fakes.loading import scripted_loader
from tests.local_server.serving import KEY, QUESTION, serving, wait

WORKER_KEY = "worker-key"
BODY = {"input": {"question": QUESTION}}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """Of a server that waits for a worker from outside: its own starts are none's business here."""
    settings = Settings(api_keys=(SecretStr(KEY),), port=0)
    platform = PlatformSettings(
        max_workers=1, worker_key=SecretStr(WORKER_KEY), rate_factor=0,
        max_run_bytes=2000, max_runsync_bytes=4000, max_chunk_bytes=1024,
    )  # fmt: skip
    runtime = Runtime(settings, scripted_loader(ScriptedEngine()))
    # `true` ends at once: a fleet whose workers never come up.
    with serving(runtime, until_ready=False, platform=platform, command=("true",)) as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        yield client


class Worker:
    """Calls what the SDK calls."""

    def __init__(self, client: httpx.Client, *, query: str = "?gpu=x&") -> None:
        self.id = f"pod-{uuid.uuid4().hex[:6]}"
        self._query = query
        self._client = httpx.Client(base_url=client.base_url, headers={"Authorization": WORKER_KEY}, timeout=120)

    def close(self) -> None:
        self._client.close()

    def take(self, route: str = "job-take", more: str = "") -> httpx.Response:
        return self._client.get(f"/v2/askpod/{route}/{self.id}{self._query}{more}job_in_progress=0")

    def done(self, job_id: str, body: Any) -> httpx.Response:
        return self._post("job-done", job_id, body, "true")

    def stream(self, job_id: str, body: Any) -> httpx.Response:
        return self._post("job-stream", job_id, body, "false")

    def get(self, path: str) -> httpx.Response:
        return self._client.get(path)

    def _post(self, route: str, job_id: str, body: Any, is_stream: str) -> httpx.Response:
        content = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        return self._client.post(
            f"/v2/askpod/{route}/{self.id}/{job_id}{self._query}isStream={is_stream}", content=content.encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded", "charset": "utf-8"},
        )  # fmt: skip


@pytest.fixture
def worker(client: httpx.Client) -> Iterator[Worker]:
    """With an empty queue before it."""
    assert 200 == client.post("/v2/askpod/purge-queue").status_code
    made = Worker(client)
    yield made
    made.close()


def run(client: httpx.Client, **body: Any) -> str:
    response = client.post("/v2/askpod/run", json={**BODY, **body})
    assert 200 == response.status_code, response.text
    assert {"id": response.json()["id"], "status": "IN_QUEUE"} == response.json()
    return str(response.json()["id"])


def status(client: httpx.Client, job_id: str) -> dict[str, Any]:
    body: dict[str, Any] = client.get(f"/v2/askpod/status/{job_id}").json()
    return body


def refused(response: httpx.Response, code: int) -> str:
    """The sentence of an error in the platform's shape."""
    assert (code, "application/json", {"error"}) == (
        response.status_code, response.headers["content-type"], set(response.json()),
    )  # fmt: skip
    return str(response.json()["error"])


def test_a_job_goes_from_run_to_its_result(client: httpx.Client, worker: Worker) -> None:
    """Everything the client sent reaches the worker; output, times and worker reach the client."""
    job_id = run(client, custom={"é": 1})
    assert {"id": job_id, "status": "IN_QUEUE"} == status(client, job_id)
    assert {**BODY, "custom": {"é": 1}, "id": job_id} == worker.take().json()
    assert {"id", "status", "delayTime", "workerId"} == set(status(client, job_id))
    assert 200 == worker.done(job_id, {"output": {"answer": "sí"}}).status_code
    body = status(client, job_id)
    assert {"id", "status", "delayTime", "executionTime", "workerId", "output"} == set(body)
    assert ("COMPLETED", worker.id, {"answer": "sí"}) == (body["status"], body["workerId"], body["output"])
    assert body == client.post(f"/v2/askpod/status/{job_id}").json()


def test_runsync_waits_for_the_result(client: httpx.Client, worker: Worker) -> None:
    """And tells how far it is when it takes longer than `wait`."""
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(client.post, "/v2/askpod/runsync", json=BODY)
        job = worker.take().json()
        assert job["id"].startswith("sync-")
        worker.done(job["id"], {"output": [1]})
        assert ("COMPLETED", [1]) == (answer.result().json()["status"], answer.result().json()["output"])
    late = client.post("/v2/askpod/runsync?wait=1000", json=BODY).json()
    assert {"id": late["id"], "status": "IN_QUEUE"} == late


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_status_sync_waits_as_well(client: httpx.Client, worker: Worker, method: str) -> None:
    """For the same body as `status`."""
    job_id = run(client)
    worker.take()
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(client.request, method, f"/v2/askpod/status-sync/{job_id}?wait=30000")
        worker.done(job_id, {"error": "broken"})
        assert status(client, job_id) == answer.result().json()
    assert ("FAILED", "broken") == (status(client, job_id)["status"], status(client, job_id)["error"])


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_stream_drains_what_has_come(client: httpx.Client, worker: Worker, method: str) -> None:
    """Once; the end is told with the last pieces, and an empty list after it."""
    job_id, path = run(client), "/v2/askpod/stream/"
    worker.take()
    assert {"status": "IN_PROGRESS", "stream": []} == client.request(method, f"{path}{job_id}?wait=0").json()
    for piece in ("uno", {"dos": 2}):
        assert 200 == worker.stream(job_id, {"output": piece}).status_code
    body = client.request(method, path + job_id).json()
    assert {"status": "IN_PROGRESS", "stream": [{"output": "uno"}, {"output": {"dos": 2}}]} == body
    worker.stream(job_id, {"output": "tres"})
    worker.done(job_id, {"output": ["uno", {"dos": 2}, "tres"]})
    assert {"status": "COMPLETED", "stream": [{"output": "tres"}]} == client.request(method, path + job_id).json()
    assert {"status": "COMPLETED", "stream": []} == client.request(method, path + job_id).json()


def test_cancelling_stops_the_worker_and_refuses_its_result(client: httpx.Client, worker: Worker) -> None:
    """A job that is done, or cancelled, stays as it is."""
    job_id = run(client)
    worker.take()
    assert {"id": job_id, "status": "CANCELLED"} == client.post(f"/v2/askpod/cancel/{job_id}").json()
    assert {"jobsToStop": [job_id]} == worker.take("job-stop").json()
    assert "CANCELLED" in refused(worker.done(job_id, {"output": 1}), 400)
    assert {"id": job_id, "status": "CANCELLED"} == client.post(f"/v2/askpod/cancel/{job_id}").json()
    waiting = run(client)
    assert "CANCELLED" == client.post(f"/v2/askpod/cancel/{waiting}").json()["status"]


def test_a_failed_job_can_be_tried_again(client: httpx.Client, worker: Worker) -> None:
    """Under its id; no other can."""
    job_id = run(client)
    assert "IN_QUEUE" in refused(client.post(f"/v2/askpod/retry/{job_id}"), 400)
    worker.take()
    worker.done(job_id, {"error": "no"})
    assert {"id": job_id, "status": "IN_QUEUE"} == client.post(f"/v2/askpod/retry/{job_id}").json()
    assert {"id": job_id, "status": "IN_QUEUE"} == status(client, job_id)
    assert job_id == worker.take().json()["id"]


def test_a_batch_is_a_list(client: httpx.Client, worker: Worker) -> None:
    """Of as many as there are and were asked for; low priority last."""
    low, first, second = run(client, policy={"lowPriority": True}), run(client), run(client)
    taken = worker.take("job-take-batch", "batch_size=2&").json()
    assert [first, second] == [job["id"] for job in taken]
    assert [low] == [job["id"] for job in worker.take("job-take-batch", "batch_size=8&").json()]


def test_parameters_glued_to_the_path_are_read(client: httpx.Client, worker: Worker) -> None:
    """As the SDK sends them where the platform's URL has no `?`."""
    glued = Worker(client, query="&")
    job_ids = [run(client) for _ in range(3)]
    assert job_ids == [job["id"] for job in glued.take("job-take-batch", "batch_size=3&").json()]
    assert 200 == glued.done(job_ids[0], {"output": 1}).status_code
    glued.close()
    assert (glued.id, "COMPLETED") == (status(client, job_ids[0])["workerId"], status(client, job_ids[0])["status"])


def test_health_counts_jobs_and_workers(client: httpx.Client, worker: Worker) -> None:
    """A worker is idle from its first question for a job on, and running while it has one."""
    before = client.get("/v2/askpod/health").json()
    job_id = run(client)
    worker.take()
    during = client.get("/v2/askpod/health").json()
    assert before["jobs"]["inProgress"] + 1 == during["jobs"]["inProgress"]
    assert before["workers"]["running"] + 1 == during["workers"]["running"]
    worker.done(job_id, {"output": 1})
    after = client.get("/v2/askpod/health").json()
    assert before["jobs"]["completed"] + 1 == after["jobs"]["completed"]
    worker.get(f"/v2/askpod/ping/{worker.id}?status=unhealthy&check=gpu&reason=gone")
    assert after["workers"]["unhealthy"] + 1 == client.get("/v2/askpod/health").json()["workers"]["unhealthy"]


def test_requests_lists_jobs_without_what_they_are_about(client: httpx.Client, worker: Worker) -> None:
    """Ids, states and times."""
    job_id = run(client)
    listed = {job["id"]: job for job in client.get("/v2/askpod/requests").json()["requests"]}
    assert {"id": job_id, "status": "IN_QUEUE"} == listed[job_id]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"\xff", b"{}", b'{"input": 1}', b'{"input": null}', b'{"input": []}', b'{"input": NaN}',
     b'{"input": {}, "policy": {"ttl": 1}}', b'{"input": {}, "webhook": "ftp://x"}', b'{"input": {}, "webhook": 5}',
     b'{"input": {}, "webhook": "http://example.com/"}', b'{"input": {}, "webhook": "http://[::1/"}',
     b'{"input": ' + b"[" * 500 + b"]" * 500 + b"}"],
)  # fmt: skip
@pytest.mark.parametrize("route", ["run", "runsync"])
def test_a_body_that_is_no_job_is_refused(client: httpx.Client, route: str, body: bytes) -> None:
    """And nothing is queued."""
    before = client.get("/v2/askpod/health").json()["jobs"]["inQueue"]
    refused(client.post(f"/v2/askpod/{route}", content=body), 400)
    assert before == client.get("/v2/askpod/health").json()["jobs"]["inQueue"]


def test_a_body_over_the_limit_is_refused(client: httpx.Client) -> None:
    """That of /runsync may be larger."""
    body = {"input": {"text": "x" * 3000}}
    refused(client.post("/v2/askpod/run", json=body), 413)
    assert 200 == client.post("/v2/askpod/runsync?wait=1000", json=body).status_code


@pytest.mark.parametrize("wait_ms", ["999", "300001", "-1", "1e3", "²", ""])
def test_a_wait_out_of_its_range_is_refused(client: httpx.Client, wait_ms: str) -> None:
    """Before anything is queued."""
    refused(client.post("/v2/askpod/runsync", params={"wait": wait_ms}, json=BODY), 400)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "status/nobody"), ("POST", "status-sync/nobody"), ("GET", "stream/nobody"), ("POST", "cancel/nobody"),
     ("POST", "retry/nobody"), ("GET", "nothing"), ("GET", "")],
)  # fmt: skip
def test_what_is_unknown_is_not_found(client: httpx.Client, method: str, path: str) -> None:
    """Jobs and routes; and every route of another endpoint."""
    refused(client.request(method, f"/v2/askpod/{path}"), 404)
    refused(client.request(method, f"/v2/other/{path}"), 404)


@pytest.mark.parametrize(("method", "path"), [("GET", "run"), ("GET", "cancel/x"), ("DELETE", "status/x")])
def test_a_wrong_method_is_told(client: httpx.Client, method: str, path: str) -> None:
    """In the platform's shape."""
    refused(client.request(method, f"/v2/askpod/{path}"), 405)


@pytest.mark.parametrize("route", ["run", "job-take/x", "job-done/x/y", "ping/x"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "wrong"}, {"Authorization": "Bearer"}])
def test_without_the_right_key_nothing_is_done(client: httpx.Client, route: str, headers: dict[str, str]) -> None:
    """Neither for clients nor for workers."""
    method = "POST" if route.startswith(("run", "job-done")) else "GET"
    refused(httpx.request(method, f"{client.base_url}/v2/askpod/{route}", headers=headers), 401)


def test_a_client_is_no_worker_and_a_worker_no_client(client: httpx.Client) -> None:
    """Each has its own key; the raw key and `Bearer KEY` are the same."""
    url = f"{client.base_url}/v2/askpod"
    refused(httpx.get(f"{url}/job-take/x", headers={"Authorization": KEY}), 401)
    refused(httpx.get(f"{url}/health", headers={"Authorization": WORKER_KEY}), 401)
    for value in (KEY, f"Bearer {KEY}", f"bearer {KEY}"):
        assert 200 == httpx.get(f"{url}/health", headers={"Authorization": value}).status_code


def test_results_that_cannot_be_are_refused(client: httpx.Client, worker: Worker) -> None:
    """Twice, for an unknown job, not JSON, too large; a job whose result is too large has failed."""
    job_id = run(client)
    worker.take()
    refused(worker.done("nobody", {"output": 1}), 404)
    for body in ("{", "[]", '"x"'):
        refused(worker.done(job_id, body), 400)
    refused(worker.stream(job_id, {"output": "x" * 1024}), 413)
    assert "IN_PROGRESS" == status(client, job_id)["status"]
    refused(worker.done(job_id, {"output": "x" * 4000}), 413)
    assert "4000 bytes" in status(client, job_id)["error"]
    refused(worker.done(job_id, {"output": 1}), 400)


def test_a_webhook_gets_the_production_body(client: httpx.Client, worker: Worker) -> None:
    """Input, output, times and state; also of a job that failed, and again when the answer is not 200."""
    with Receiver(statuses=[200, 200]) as receiver:
        for result in ({"output": {"a": "é"}}, {"error": "no"}):
            job_id = run(client, webhook=receiver.url)
            worker.take()
            worker.done(job_id, result)
        wait(lambda: len(receiver.bodies) == 2)
    by_status = {body["status"]: body for body in receiver.bodies}
    done = by_status["COMPLETED"]
    assert {"delayTime", "executionTime", "id", "input", "output", "status", "webhook", "workerId"} == set(done)
    assert (BODY["input"], {"a": "é"}, receiver.url) == (done["input"], done["output"], done["webhook"])
    assert "no" == by_status["FAILED"]["error"]


class Receiver:
    """Where webhooks go: answers with `statuses`, one after the other."""

    def __init__(self, statuses: list[int]) -> None:
        bodies: list[dict[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(statuses[len(bodies) - 1])
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                """Quiet."""

        self.bodies = bodies
        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    def __enter__(self) -> "Receiver":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_what_is_no_text_and_no_number_goes_through(client: httpx.Client, worker: Worker) -> None:
    """Half a surrogate pair comes out as it came in; NaN, which is no JSON, as null."""
    half = {"question": "\ud800"}
    content = json.dumps({"input": half})
    job_id = client.post("/v2/askpod/run", content=content).json()["id"]
    assert half == json.loads(worker.take().content)["input"]
    worker.stream(job_id, '{"output": ["\\udc00", NaN]}')
    assert [{"output": ["\udc00", None]}] == json.loads(client.get(f"/v2/askpod/stream/{job_id}").content)["stream"]
    worker.done(job_id, '{"output": {"a": "\\ud800", "b": -Infinity}}')
    assert {"a": "\ud800", "b": None} == json.loads(client.get(f"/v2/askpod/status/{job_id}").content)["output"]


def test_the_ping_of_a_worker_that_has_gone_does_not_bring_it_back(client: httpx.Client, worker: Worker) -> None:
    """Only asking for a job makes a worker."""
    before = client.get("/v2/askpod/health").json()["workers"]
    worker.get("/v2/askpod/ping/gone?job_id=x")
    worker.get("/v2/askpod/ping/gone?status=unhealthy&check=gpu")
    assert before == client.get("/v2/askpod/health").json()["workers"]


@pytest.mark.parametrize("name", ["x%0A", "x%0D%0Ay", "%2e%2e", "x%00"])
def test_no_name_of_a_worker_opens_its_routes_to_a_client(client: httpx.Client, name: str) -> None:
    """Whatever is in the path."""
    response = client.get(f"/v2/askpod/job-take/{name}")
    assert response.status_code in (401, 404)


def test_openais_clients_get_errors_in_their_shape(client: httpx.Client) -> None:
    """Also before there is a job."""
    for path, code in (("askpod", "malformed_body"), ("other", "not_found")):
        error = client.post(f"/v2/{path}/openai/v1/chat/completions", content="{").json()["error"]
        assert ({"message", "type", "param", "code"}, code) == (set(error), error["code"])


def test_more_requests_than_the_limit_are_told_to_wait() -> None:
    """429 in the platform's shape, with how long; nothing is queued for them."""
    settings = Settings(api_keys=(SecretStr(KEY),), port=0)
    runtime = Runtime(settings, scripted_loader(ScriptedEngine()))
    with serving(runtime, platform=PlatformSettings(rate_factor=0.005)) as limited:
        limited.headers["Authorization"] = KEY
        responses = [limited.post("/v2/askpod/run", json=BODY) for _ in range(7)]
        assert [200] * 5 + [429] * 2 == [response.status_code for response in responses]
        assert "10 s" in refused(responses[-1], 429)
        assert "10" == responses[-1].headers["retry-after"]
        wait(lambda: limited.get("/v2/askpod/health").json()["jobs"]["completed"] == 5)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "[1, 1e400]"])
def test_numbers_that_could_not_be_written_again_do_no_harm(
    client: httpx.Client, worker: Worker, number: str
) -> None:  # fmt: skip
    """Refused of a client; of a worker, whose result would be lost, null."""
    refused(client.post("/v2/askpod/run", content=f'{{"input": {{"x": {number}}}}}'), 400)
    job_id = run(client)
    worker.take()
    assert 200 == worker.done(job_id, f'{{"output": {number}}}').status_code
    assert None in (body := status(client, job_id)["output"], *(body if isinstance(body, list) else []))


def test_numbers_with_thousands_of_digits_are_refused(client: httpx.Client, worker: Worker) -> None:
    """Python would not read them."""
    job_id = run(client)
    refused(client.get(f"/v2/askpod/status-sync/{job_id}?wait={'9' * 5000}"), 400)
    refused(worker.take("job-take-batch", f"batch_size={'9' * 5000}&"), 400)


@pytest.mark.parametrize(("levels", "code"), [(90, 200), (120, 400), (900, 400), (100_000, 400)])
def test_an_input_that_nests_too_deeply_is_refused(
    client: httpx.Client, worker: Worker, levels: int, code: int
) -> None:
    """Before it is queued: it could not be handed out; a result that does is refused as well."""
    deep = "[" * levels + "]" * levels
    content = f'{{"input": {{"deep": {deep}}}}}'
    limit = 2000
    response = client.post("/v2/askpod/run", content=content)
    assert (code if len(content) <= limit else 413) == response.status_code
    if code == 200:
        job = worker.take().json()
        assert 200 == worker.done(job["id"], f'{{"output": {deep}}}').status_code
        assert "COMPLETED" == status(client, job["id"])["status"]
    else:
        job_id = run(client)
        worker.take()
        refused(worker.done(job_id, f'{{"output": {"[" * 900 + "]" * 900}}}'), 400)


@pytest.mark.parametrize("route", ["status-sync", "stream"])
def test_a_body_that_nobody_wants_is_not_read_for_ever(client: httpx.Client, worker: Worker, route: str) -> None:
    """Megabytes of it are refused."""
    job_id = run(client)
    assert 413 == client.post(f"/v2/askpod/{route}/{job_id}?wait=1000", content=b"x" * 70_000).status_code


def test_streams_of_openais_clients_count_while_they_last() -> None:
    """The limit of requests at once is one of streams, too; each gives its place back."""
    settings = Settings(api_keys=(SecretStr(KEY),), port=0)
    runtime = Runtime(settings, scripted_loader(ScriptedEngine(lambda _prompt: "one two three", delay_s=0.5)))
    body = {"messages": [{"role": "user", "content": "Which port?"}], "model": "askpod", "stream": True}
    url = "/v2/askpod/openai/v1/chat/completions"
    with (
        serving(runtime, platform=PlatformSettings(rate_factor=0.0025)) as limited,
        ThreadPoolExecutor() as pool,
    ):
        limited.headers["Authorization"] = KEY
        for _ in range(2):
            statuses: list[int] = []
            # The client may have the last byte of a stream before its place is free.
            while 200 not in statuses:
                together = [pool.submit(limited.post, url, json=body) for _ in range(3)]
                responses = [future.result() for future in together]
                statuses = sorted(response.status_code for response in responses)
                assert statuses in ([200, 429, 429], [429, 429, 429])
            error = next(response for response in responses if response.status_code == 429).json()["error"]
            assert "quota_exceeded" == error["code"]
