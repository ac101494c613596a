"""POST /v1/ask over a real socket, with a scripted engine."""

import io
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.settings import Settings
from agent.telemetry.logs import configure_logging
from tests.fakes.loading import scripted_loader
from tests.fakes.serving import serving, wait

KEY = "sesame-1"
QUESTION = "Which port does the HTTP server listen on?"
ANSWER = "The HTTP server listens on port 8000 by default. [1]"
JSON_TYPE = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def engine() -> ScriptedEngine:
    """Says what the document says."""
    return ScriptedEngine(lambda _prompt: "The HTTP server listens on port 8000 by default.")


@pytest.fixture(scope="module")
def client(engine: ScriptedEngine) -> Iterator[httpx.Client]:
    """A server with two keys."""
    settings = Settings(api_keys=(SecretStr(KEY), SecretStr("sesame-2")))
    with serving(Runtime(settings, scripted_loader(engine))) as client:
        client.headers["X-API-KEY"] = KEY
        yield client


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (status, "application/problem+json") == (response.status_code, response.headers["content-type"])
    body: dict[str, Any] = response.json()
    assert (code, response.headers["x-request-id"]) == (body["code"], body["request_id"])
    return body


def test_a_question_is_answered_with_its_citation(client: httpx.Client) -> None:
    """The same object as on the queue, and no store of it in caches."""
    response = client.post("/v1/ask", json={"question": QUESTION}, headers={"X-Request-ID": "mine-1"})
    body = response.json()
    assert (200, ANSWER, "mine-1") == (response.status_code, body["answer"], body["request_id"])
    assert "no-store" == response.headers["cache-control"]
    assert "server" not in response.headers


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"question": ""},
        {"question": "a" * 4001},
        {"question": 5},
        {"question": None},
        {"question": QUESTION, "colour": "red"},
        {"question": QUESTION, "top_k": 0},
        {"question": QUESTION, "top_k": 21},
        {"question": QUESTION, "history": [{"role": "system", "content": "x"}]},
    ],
)
def test_an_invalid_field_is_named(client: httpx.Client, fields: dict[str, Any]) -> None:
    """422 with the field; a good question is answered right after."""
    body = problem(client.post("/v1/ask", json=fields), 422, "invalid_request")
    assert body["param"].split(".")[0] in {"question", "colour", "top_k", "history"}
    assert 200 == client.post("/v1/ask", json={"question": QUESTION}).status_code


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"adapter": "nobody"}, "unknown_adapter"), ({"filters": {"colour": "red"}}, "unknown_filter")],
)
def test_an_unknown_name_is_refused(client: httpx.Client, fields: dict[str, Any], code: str) -> None:
    """Adapters and filters that do not exist have codes of their own."""
    problem(client.post("/v1/ask", json={"question": QUESTION, **fields}), 422, code)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b'{"question": NaN}', b"[" * 20000, b'{"a":' * 9000]
)
def test_a_body_that_is_not_a_json_object_is_refused(client: httpx.Client, body: bytes) -> None:
    """400, however deep or broken."""
    problem(client.post("/v1/ask", content=body, headers=JSON_TYPE), 400, "malformed_body")


def test_a_body_over_64_kib_is_refused(client: httpx.Client) -> None:
    """Whether it declares its length or comes in chunks; one byte less than the limit is read."""
    large = b" " * 65537
    problem(client.post("/v1/ask", content=large, headers=JSON_TYPE), 413, "payload_too_large")
    problem(client.post("/v1/ask", content=iter([large]), headers=JSON_TYPE), 413, "payload_too_large")
    fits = json.dumps({"question": QUESTION}).encode().ljust(65536)
    assert 200 == client.post("/v1/ask", content=fits, headers=JSON_TYPE).status_code


def test_another_content_type_is_refused(client: httpx.Client) -> None:
    """415 for a form and for nothing."""
    for headers in ({"Content-Type": "text/plain"}, {}):
        problem(client.post("/v1/ask", content=b"{}", headers=headers), 415, "unsupported_media_type")


def test_other_paths_and_methods_are_problems_too(client: httpx.Client) -> None:
    """404 and 405, the latter with Allow."""
    problem(client.get("/nothing"), 404, "not_found")
    response = client.get("/v1/ask")
    problem(response, 405, "method_not_allowed")
    assert "POST" == response.headers["allow"]


@pytest.mark.parametrize("key", [b"", b"wrong", "clave-ñ".encode(), b"\xff\xfe", KEY.encode() + b"x"])
def test_a_wrong_key_is_refused(client: httpx.Client, key: bytes) -> None:
    """401, also when it is not ASCII, before the body is looked at."""
    response = client.post("/v1/ask", content=b"{", headers=[(b"X-API-KEY", key)])
    problem(response, 401, "unauthorized")
    assert "www-authenticate" in response.headers


def test_every_key_is_valid_and_none_or_two_at_once_are_not(client: httpx.Client) -> None:
    """Rotation works; a doubled header does not."""
    url = f"{client.base_url}/v1/ask"
    statuses = [
        httpx.post(url, json={"question": QUESTION}, headers=headers).status_code
        for headers in ([("X-API-KEY", "sesame-2")], [], [("X-API-KEY", KEY), ("X-API-KEY", "sesame-2")])
    ]
    assert [200, 401, 401] == statuses


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/docs", "/openapi.json"])
def test_health_and_docs_need_no_key(client: httpx.Client, path: str) -> None:
    """They answer anybody, and without a word about keys or paths."""
    response = httpx.get(f"{client.base_url}{path}")
    assert 200 == response.status_code
    assert KEY not in response.text


@pytest.mark.parametrize("hostile", ["a b", "x" * 65, "a\tb", "<script>"])
def test_a_hostile_request_id_is_replaced(client: httpx.Client, hostile: str) -> None:
    """Only what fits the pattern comes back."""
    response = client.post("/v1/ask", json={"question": "Hola"}, headers={"X-Request-ID": hostile})
    assert hostile != response.headers["x-request-id"]


def test_a_stream_tells_the_steps_then_the_answer(client: httpx.Client) -> None:
    """Sources before the first word, the verified answer last."""
    names, last = [], ""
    with client.stream("POST", "/v1/ask", json={"question": QUESTION, "stream": True}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            if line.startswith("event: "):
                names.append(line.removeprefix("event: "))
            if line.startswith("data: "):
                last = line.removeprefix("data: ")
    assert ["step", "step", "sources"] == names[:3]
    assert "delta" == names[3]
    assert ["step", "step", "final"] == names[-3:]
    assert ANSWER == json.loads(last)["answer"]["answer"]


def test_a_stream_that_cannot_begin_is_an_ordinary_error(client: httpx.Client) -> None:
    """An unknown adapter has its status, not a 200 with an event."""
    body = {"question": QUESTION, "adapter": "nobody", "stream": True}
    problem(client.post("/v1/ask", json=body), 422, "unknown_adapter")


def test_leaving_stops_the_generation(settings: Settings) -> None:
    """When the client gives up waiting and closes its connection the engine stops."""
    slow = ScriptedEngine(lambda _prompt: "word " * 500, delay_s=0.05)
    with serving(Runtime(settings, scripted_loader(slow))) as client:
        with pytest.raises(httpx.TimeoutException):
            client.post("/v1/ask", json={"question": QUESTION}, timeout=0.5)
        wait(lambda: slow.cancelled == 1)
        assert 0 == slow.stats().running


def test_leaving_a_stream_stops_the_generation(settings: Settings) -> None:
    """The same in the middle of a stream."""
    slow = ScriptedEngine(lambda _prompt: "word " * 500, delay_s=0.05)
    with serving(Runtime(settings, scripted_loader(slow))) as client:
        with client.stream("POST", "/v1/ask", json={"question": QUESTION, "stream": True}) as response:
            assert "event: delta" in response.iter_lines()
        wait(lambda: slow.cancelled == 1)
        assert 0 == slow.stats().running


def test_too_many_questions_at_once_are_refused(settings: Settings) -> None:
    """One place and no queue: the second question gets 503 and Retry-After; the first is answered."""
    slow = ScriptedEngine(lambda _prompt: "The HTTP server listens on port 8000.", delay_s=0.2, capacity=1)
    runtime = Runtime(settings.model_copy(update={"max_queue": 0}), scripted_loader(slow))
    with serving(runtime) as client:
        statuses: list[int] = []
        first = threading.Thread(
            target=lambda: statuses.append(client.post("/v1/ask", json={"question": QUESTION}).status_code)
        )
        first.start()
        wait(lambda: slow.stats().running == 1)
        refused = client.post("/v1/ask", json={"question": QUESTION})
        problem(refused, 503, "overloaded")
        assert "2" == refused.headers["retry-after"]
        first.join()
        assert [200] == statuses


def test_a_deadline_ends_the_work(settings: Settings) -> None:
    """504, and the engine has stopped."""
    slow = ScriptedEngine(lambda _prompt: "word " * 100, delay_s=0.2)
    with serving(Runtime(settings, scripted_loader(slow))) as client:
        response = client.post("/v1/ask", json={"question": QUESTION, "timeout_s": 0.3})
        problem(response, 504, "deadline_exceeded")
        assert (1, 0) == (slow.cancelled, slow.stats().running)


def test_nothing_of_python_leaks_and_the_log_has_it(settings: Settings) -> None:
    """A crash nobody foresaw is internal_error for the caller; the log has its traceback and one line per request."""

    def crash(_prompt: str) -> str:
        raise KeyError("secret in a traceback")

    log = io.StringIO()
    handlers, level = logging.root.handlers[:], logging.root.level
    configure_logging(settings.model_copy(update={"log_format": "json"}), log)
    keyed = settings.model_copy(update={"auth_disabled": False, "api_keys": (SecretStr(KEY),)})
    try:
        with serving(Runtime(keyed, scripted_loader(ScriptedEngine(crash)))) as client:
            client.headers["X-API-KEY"] = KEY
            response = client.post("/v1/ask", json={"question": QUESTION}, headers={"X-Request-ID": "r-1"})
            client.post("/v1/ask", json={"question": "Hola"}, headers={"X-Request-ID": "r-2"})
            client.post("/v1/ask", content=b"{", headers={"X-Request-ID": "r-3", **JSON_TYPE})
            client.get("/v1/ask", headers={"X-Request-ID": "r-4", "X-API-KEY": "wrong"})
    finally:
        logging.root.handlers[:], logging.root.level = handlers, level
    problem(response, 500, "internal_error")
    assert "secret" not in response.text
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    done = [line for line in lines if line["event"] == "ask.done"]
    outcomes = {"r-1": "internal_error", "r-2": "answered", "r-3": "malformed_body", "r-4": "unauthorized"}
    assert outcomes == {line["request_id"]: line["outcome"] for line in done}
    assert 4 == len(done)
    assert "secret in a traceback" in log.getvalue()
    assert KEY not in log.getvalue()
    assert QUESTION not in log.getvalue()


@hypothesis_settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=300) | st.text().map(str.encode) | st.dictionaries(st.text(), st.integers()).map(
    lambda value: json.dumps(value).encode()))  # fmt: skip
def test_no_body_causes_an_unplanned_error(client: httpx.Client, body: bytes) -> None:
    """Arbitrary bytes and JSON get a planned 4xx whose body has a code, a request id and retryable."""
    response = client.post("/v1/ask", content=body, headers=JSON_TYPE)
    assert response.status_code in (400, 422)
    assert {"code", "request_id", "retryable"} <= set(response.json())
