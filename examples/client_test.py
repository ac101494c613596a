"""An external application that uses Askpod over HTTP, with nothing but httpx.

    .venv/bin/python examples/client_test.py --url http://127.0.0.1:8000 --key "$API_KEY"

It asks in English and Spanish, streams, follows up, makes the mistakes that clients make, waits out a busy server, and
prints how long everything took. Exit status 0 means that every expectation held.
"""

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

READY_WITHIN_S = 300
ATTEMPTS = 5
ENGLISH = "Which port does the HTTP server listen on by default?"
SPANISH = "¿Qué cabecera lleva la clave de la API?"
UNANSWERABLE = "Who won the football world cup of 1986?"


@dataclass
class Row:
    """A line of the table at the end."""

    name: str
    status: int
    ms: float
    tokens: int | None = None
    citations: int | None = None


@dataclass
class Client:
    """A small client: asks, measures, and notes what did not go as expected."""

    http: httpx.Client
    key: str
    rows: list[Row] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def post(self, name: str, expected: int, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - httpx's arguments
        """One POST /v1/ask, with the key unless other headers are given; a row of the table; the decoded body."""
        started = time.monotonic()
        response = self.http.post("/v1/ask", **{"headers": self.headers, **request})
        body: dict[str, Any] = response.json()
        self.note(name, response.status_code, started, body)
        self.expect(response.status_code == expected, f"{name}: status {response.status_code}, not {expected}")
        if response.is_error:
            print(f"\n{name}: {response.status_code} {body['code']}: {body['detail']}")
        return body

    @property
    def headers(self) -> dict[str, str]:
        """What every request needs."""
        return {"X-API-KEY": self.key}

    def note(self, name: str, status: int, started: float, body: dict[str, Any]) -> None:
        """Remember how long it took."""
        usage = body.get("usage", {}).get("completion_tokens")
        citations = len(body["citations"]) if "citations" in body else None
        self.rows.append(Row(name, status, (time.monotonic() - started) * 1000, usage, citations))

    def expect(self, held: bool, otherwise: str) -> None:
        """Note a failure, and go on."""
        if not held:
            self.failures.append(otherwise)


def wait_until_ready(client: Client) -> None:
    """Loading takes seconds; the server answers /health/ready with 503 until it is done."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        try:
            if client.http.get("/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass  # it does not listen yet
        time.sleep(0.5)
    sys.exit(f"The server at {client.http.base_url} was not ready within {READY_WITHIN_S} s.")


def ask(client: Client, name: str, question: str, wanted: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    """A question whose answer must contain `wanted`, with sources that hold together."""
    answer = client.post(name, 200, json={"question": question, **fields})
    print(f"\n{name}: {question}\n  {answer.get('answer')}")
    client.expect(wanted in answer.get("answer", ""), f"{name}: {wanted!r} is not in the answer")
    cited = answer.get("route") not in ("smalltalk", "corpus") and not answer.get("abstained")
    client.expect(bool(answer.get("citations")) == cited, f"{name}: sources are missing, or cited for nothing")
    for citation in answer.get("citations", []):
        page = f", page {citation['page']}" if citation["page"] is not None else ""
        print(f"  [{citation['id']}] {citation['source']}:{citation['start']}{page} “{citation['quote']}”")
        length = citation["end"] - citation["start"]
        client.expect(0 < length == len(citation["quote"]), f"{name}: a quote does not fit its offsets")
    return answer


def abstain(client: Client) -> None:
    """A question beyond the documents is not answered: the answer says why, cites nothing and shows what came close."""
    answer = client.post("unanswerable", 200, json={"question": UNANSWERABLE})
    print(f"\nunanswerable: {UNANSWERABLE}\n  {answer.get('answer')} ({answer.get('reason')})")
    for nearest in answer.get("nearest", []):
        print(f"  near {nearest['source']}:{nearest['start']} “{nearest['text']}”")
    client.expect(answer.get("abstained") is True, "unanswerable: it was answered")
    client.expect(answer.get("citations") == [], "unanswerable: it cites something")


def stream(client: Client) -> None:
    """The same question, as server-sent events: the draft as it is written, the verified answer at the end."""
    started, final, events = time.monotonic(), {}, []
    body = {"question": ENGLISH, "stream": True}
    print(f"\nstream: {ENGLISH}\n  ", end="")
    with client.http.stream("POST", "/v1/ask", json=body, headers=client.headers) as response:
        name = ""
        for line in response.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
                events.append(name)
            elif line.startswith("data: "):
                data = json.loads(line.removeprefix("data: "))
                if name == "delta":
                    print(data["text"], end="", flush=True)
                if name == "final":
                    final = data["answer"]
    print(f"\n  verified: {final.get('answer')}")
    client.note("stream", response.status_code, started, final)
    client.expect("8000" in final.get("answer", ""), "stream: no verified answer")
    client.expect("sources" in events and events.index("sources") < events.index("final"), "stream: no sources first")


def mistakes(client: Client) -> None:
    """Each gets one clear error."""
    question = {"question": ENGLISH}
    client.post("missing key", 401, json=question, headers={})
    client.post("wrong key", 401, json=question, headers={"X-API-KEY": "wrong"})
    client.post("key that is not ASCII", 401, json=question, headers={"X-API-KEY": "clave-ñ".encode()})
    client.post("invalid body", 422, json={"question": 5})
    client.post("unknown field", 422, json={**question, "colour": "red"})
    client.post("not JSON", 400, content=b"{", headers={**client.headers, "Content-Type": "application/json"})
    client.post("too large", 413, json={"question": "a" * 70_000})


def retry_on_503(client: Client) -> None:
    """A server that is busy says when to come back; a client that listens gets its answer.

    The two 503 come from a small proxy in this file, so that they come at all; the answer comes from the real server.
    """
    with busy_proxy(client.http, times=2) as url:
        for attempt in range(1, ATTEMPTS + 1):
            started = time.monotonic()
            response = client.http.post(f"{url}/v1/ask", json={"question": "Hello"}, headers=client.headers)
            client.note(f"busy, attempt {attempt}", response.status_code, started, response.json())
            if response.status_code != 503:
                break
            pause = int(response.headers["Retry-After"])
            print(f"\nbusy: {response.json()['code']}, trying again in {pause} s")
            time.sleep(pause)
    client.expect((attempt, response.status_code) == (3, 200), "busy: no answer on the third attempt")


@contextmanager
def busy_proxy(upstream: httpx.Client, times: int) -> Iterator[str]:
    """Answers 503 with Retry-After `times` times, then passes requests on."""
    left = [times]

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if left[0] > 0:
                left[0] -= 1
                self._send(503, json.dumps({"code": "overloaded", "retryable": True}).encode(), {"Retry-After": "1"})
                return
            headers = {name: self.headers[name] for name in ("Content-Type", "X-API-KEY")}
            answer = upstream.post(self.path, content=body, headers=headers)
            self._send(answer.status_code, answer.content, {})

        def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def print_table(rows: list[Row]) -> None:
    """What was asked, what came, how long it took."""
    print(f"\n{'request':<24}{'status':>8}{'ms':>10}{'tokens':>8}{'citations':>11}")
    for row in rows:
        tokens, citations = ("" if value is None else value for value in (row.tokens, row.citations))
        print(f"{row.name:<24}{row.status:>8}{row.ms:>10.0f}{tokens:>8}{citations:>11}")


def use(client: Client) -> None:
    """All that this application does with the service."""
    first = ask(client, "english", ENGLISH, "8000")
    ask(client, "spanish", SPANISH, "X-API-KEY")
    history = [{"role": "user", "content": ENGLISH}, {"role": "assistant", "content": first.get("answer", "-")}]
    ask(client, "follow-up", "And which setting changes it?", "PORT", history=history)
    ask(client, "quotes only", ENGLISH, "8000", mode="extractive")
    ask(client, "the documents", "What documents do you have?", "API")
    ask(client, "small talk", "¡Hola!", "Hola")
    abstain(client)
    stream(client)
    mistakes(client)
    retry_on_503(client)


def main() -> int:
    """Exit status: 0 when everything went as expected, 1 otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=os.environ.get("ASKPOD_URL", "http://127.0.0.1:8000"))
    parser.add_argument("--key", default=os.environ.get("ASKPOD_API_KEY", ""))
    options = parser.parse_args()
    with httpx.Client(base_url=options.url, timeout=120) as http:
        client = Client(http, options.key)
        wait_until_ready(client)
        try:
            use(client)
        except httpx.TransportError as error:
            client.failures.append(f"the connection failed: {type(error).__name__}")
    print_table(client.rows)
    for failure in client.failures:
        print(f"FAILED {failure}")
    return 1 if client.failures else 0


if __name__ == "__main__":
    sys.exit(main())
