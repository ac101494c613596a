"""What a body may be, and how much of it is read."""

import json

import httpx
import pytest

from tests.local_server.conftest import Log
from tests.local_server.serving import JSON_TYPE, KEY, QUESTION, connected, problem, wait

LIMIT = 65536
HEAD = f"POST /v1/ask HTTP/1.1\r\nHost: test\r\nX-API-KEY: {KEY}\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b'{"question": "a"} and more',
        b"\xff\xfe",
        b'{"question": "\xe9"}',
        b'\xef\xbb\xbf{"question": "a"}',
        b'{"question": NaN}',
        b'{"question": Infinity}',
        b"[" * 20000,
        b'{"a":' * 9000,
        b'{"question": "a", "seed": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_a_body_that_is_not_a_json_object_is_refused(client: httpx.Client, body: bytes) -> None:
    """400, however deep or broken; the next question is answered."""
    problem(client.post("/v1/ask", content=body, headers=JSON_TYPE), 400, "malformed_body")
    assert 200 == client.post("/v1/ask", json={"question": QUESTION}).status_code


def test_a_body_over_the_limit_is_refused(client: httpx.Client) -> None:
    """Whether it declares its length or comes in chunks; a body of just the limit is read."""
    large = b" " * (LIMIT + 1)
    problem(client.post("/v1/ask", content=large, headers=JSON_TYPE), 413, "payload_too_large")
    problem(client.post("/v1/ask", content=iter([large]), headers=JSON_TYPE), 413, "payload_too_large")
    fits = json.dumps({"question": QUESTION}).encode().ljust(LIMIT)
    assert 200 == client.post("/v1/ask", content=fits, headers=JSON_TYPE).status_code


def test_a_declared_length_over_the_limit_is_refused_unread(client: httpx.Client) -> None:
    """The answer comes though not one byte of the body was sent."""
    with connected(client) as connection:
        connection.sendall(f"{HEAD}Content-Length: {LIMIT + 1}\r\n\r\n".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_body_without_an_end_is_not_read_on(client: httpx.Client) -> None:
    """Chunks that never stop get 413, and the connection is closed."""
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    with connected(client) as connection:
        connection.sendall(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
        # 16 chunks are the limit; whoever sends on is cut off long before the last of these.
        with pytest.raises(ConnectionError):
            connection.sendall(chunk * 10_000)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_another_content_type_is_refused(client: httpx.Client, content_type: str | None) -> None:
    """415, also when there is none."""
    headers = {"Content-Type": content_type} if content_type else {}
    problem(client.post("/v1/ask", content=b"{}", headers=headers), 415, "unsupported_media_type")


def test_parameters_of_the_content_type_do_not_matter(client: httpx.Client) -> None:
    """Some clients name a charset, though JSON is always UTF-8."""
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert 200 == client.post("/v1/ask", content=b'{"question": "Hola"}', headers=headers).status_code


def test_leaving_in_the_middle_of_the_body_is_no_crash(client: httpx.Client, log: Log) -> None:
    """One line, outcome `cancelled`, and no traceback."""
    with connected(client) as connection:
        connection.sendall(f"{HEAD}X-Request-ID: left\r\nContent-Length: 100\r\n\r\n{{".encode())
    wait(log.outcomes)
    assert {"left": ["cancelled"]} == log.outcomes()
    assert "exception" not in log.text
