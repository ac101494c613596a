"""What every response has, and what happens when something fails that nobody foresaw."""

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from local_server.attempts import Attempts
from local_server.auth import Keys
from local_server.edge import Edge
from tests.local_server.conftest import Log
from tests.local_server.serving import QUESTION, problem


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/ask", 400),
        ("GET", "/v1/ask", 405),
        ("GET", "/nothing", 404),
        ("GET", "/health", 200),
        ("HEAD", "/health/live", 200),
        ("GET", "/docs", 200),
        ("GET", "/swagger/swagger-ui.css", 200),
    ],
)
def test_every_response_has_a_request_id_and_safe_headers(
    client: httpx.Client, method: str, path: str, status: int
) -> None:
    """Whatever it is; and none says what serves it."""
    response = client.request(method, path, headers={"X-Request-ID": "a.B-c_9", "Content-Type": "application/json"})
    assert (status, "a.B-c_9") == (response.status_code, response.headers["x-request-id"])
    assert "nosniff" == response.headers["x-content-type-options"]
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert ("unsafe" in policy) == (path == "/docs")
    assert "server" not in response.headers


@pytest.mark.parametrize("path", ["/v1/ask", "/v2/askpod/run", "/health", "/metrics", "/nothing"])
@pytest.mark.parametrize("method", ["OPTIONS", "GET", "POST"])
def test_no_page_of_another_site_may_read_a_response(client: httpx.Client, method: str, path: str) -> None:
    """Not one header that would let a browser do that, with the key and without."""
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "x-api-key"}  # fmt: skip
    for response in (
        client.request(method, path, headers=asked),
        httpx.request(method, f"{client.base_url}{path}", headers=asked),
    ):
        assert not [name for name in response.headers if name.startswith("access-control-")]


def test_questions_are_not_cached(client: httpx.Client) -> None:
    """Neither answers nor errors."""
    for body in ({"question": QUESTION}, {"question": QUESTION, "stream": True}, {}):
        assert "no-store" == client.post("/v1/ask", json=body).headers["cache-control"]


@pytest.mark.parametrize("hostile", [b"", b"a b", b"x" * 65, b"a\tb", b"<script>", b"a;b", "é".encode(), b"\xff"])
def test_a_hostile_request_id_is_replaced(client: httpx.Client, log: Log, hostile: bytes) -> None:
    """Only what fits the pattern comes back and into the log."""
    response = client.post("/v1/ask", json={"question": "Hola"}, headers=[(b"X-Request-ID", hostile)])
    minted = response.headers["x-request-id"]
    assert minted.isalnum()
    assert minted == response.json()["request_id"]
    assert {minted: ["answered"]} == log.outcomes()


def test_other_paths_and_methods_are_problems_too(client: httpx.Client, log: Log) -> None:
    """404 and 405, the latter with Allow; one line each; no redirect repeats the Host header."""
    problem(client.get("/nothing", headers={"X-Request-ID": "r-1"}), 404, "not_found")
    response = client.get("/v1/ask", headers={"X-Request-ID": "r-2"})
    problem(response, 405, "method_not_allowed")
    assert "POST" == response.headers["allow"]
    problem(client.post("/v1/ask/", json={}, headers={"X-Request-ID": "r-3"}), 404, "not_found")
    assert {"r-1": ["not_found"], "r-2": ["method_not_allowed"], "r-3": ["not_found"]} == log.outcomes()


async def _raises_at_once(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise ZeroDivisionError("secret")


async def _raises_in_the_middle(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ZeroDivisionError("secret")


async def test_what_nobody_foresaw_is_an_internal_error(log: Log) -> None:
    """500 without a word of Python; the log has the traceback and the canonical line."""
    transport = httpx.ASGITransport(Edge(_raises_at_once, keys=None, worker_keys=Keys([]), attempts=Attempts(0)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.get("/v1/ask", headers={"X-Request-ID": "r-1"})
    problem(response, 500, "internal_error")
    assert "secret" not in response.text
    assert {"r-1": ["internal_error"]} == log.outcomes()
    assert "secret" in str(log.lines("http.crashed")[0]["exception"])


async def test_a_response_that_has_begun_is_not_begun_again(log: Log) -> None:
    """The server then closes the connection; the caller sees that the end is missing."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "GET", "path": "/v1/ask", "headers": []}
    await Edge(_raises_in_the_middle, keys=None, worker_keys=Keys([]), attempts=Attempts(0))(scope, receive, send)
    assert ["http.response.start"] == [message["type"] for message in sent]
    assert ["internal_error"] == [line["outcome"] for line in log.lines("ask.done")]
