"""python -m tools.session_log: serve a real session and keep the server's log of it, as it came."""

import argparse
import json
import re
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from subprocess import TimeoutExpired
from typing import Any

import httpx

from tools.serving import ServerFailed, ServerProcess, running_server

_ANSWER_S = 300.0
# An absolute path that a log line could have picked up; `/v1/ask` and `n/a` are none.
_ABSOLUTE_PATH = re.compile(
    r"(?<![\w.:/])/(?:app|etc|home|media|mnt|opt|private|proc|root|srv|tmp|usr|var|work|Users)/"
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the session. `outcome` is what its `ask.done` line must say; None as `key` is the right one."""

    id: str
    body: Mapping[str, Any]
    outcome: str
    status: int = 200
    key: str | None = None


_PORT_EN = "Which port does the HTTP server listen on?"
SESSION: Sequence[Request] = (
    Request("session-01-english", {"question": "Which header carries the API key?"}, "answered"),
    Request("session-02-spanish", {"question": "¿Qué cabecera lleva la clave de la API?"}, "answered"),
    Request("session-03-port", {"question": _PORT_EN}, "answered"),
    Request(
        "session-04-follow-up",
        {"question": "And which setting changes it?", "history": [{"role": "user", "content": _PORT_EN}]},
        "answered",
    ),
    Request("session-05-small-talk", {"question": "Hello!"}, "answered"),
    Request("session-06-unanswerable", {"question": "Who won the football world cup of 1986?"}, "abstained"),
    Request("session-07-wrong-key", {"question": "Is anybody there?"}, "unauthorized", 401, key="not-the-key-at-all"),
    Request("session-08-invalid-body", {"question": "How many passages?", "top_k": 99}, "invalid_request", 422),
    Request("session-09-unknown-adapter", {"question": "Who?", "adapter": "no-such-one"}, "unknown_adapter", 422),
)


@dataclass(slots=True)
class Transcript:
    """What was sent and what came back, to be looked for in the log."""

    key: str
    answers: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def hold_session(url: str, key: str) -> Transcript:
    """Send every request of `SESSION`, one after the other."""
    transcript = Transcript(key)
    with httpx.Client(base_url=url, timeout=_ANSWER_S) as client:
        for request in SESSION:
            headers = {"X-API-KEY": request.key or key, "X-Request-ID": request.id}
            response = client.post("/v1/ask", json=dict(request.body), headers=headers)
            sys.stderr.write(f"{request.id}: {response.status_code} in {response.elapsed.total_seconds():.1f} s\n")
            if response.status_code != request.status:
                transcript.wrong.append(f"{request.id}: status {response.status_code}, not {request.status}")
            if response.headers.get("X-Request-ID") != request.id:
                transcript.wrong.append(f"{request.id}: another X-Request-ID came back")
            if response.is_success:
                transcript.answers.append(response.json()["answer"])
    return transcript


def faults(lines: Sequence[str], transcript: Transcript) -> Iterator[str]:
    """What is wrong with the log, in sentences; nothing when it is as it should be.

    Every line is one JSON object; each request left exactly one canonical line, under its own id and with its outcome;
    no key, no question, no answer and no path of this machine is in it.
    """
    done: dict[str, list[dict[str, Any]]] = {request.id: [] for request in SESSION}
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            yield f"line {number} is not JSON"
            continue
        if record.get("event") == "ask.done":
            done.setdefault(record.get("request_id"), []).append(record)
        if _ABSOLUTE_PATH.search(line):
            yield f"line {number} names a path: {line}"
        for what, text in _private(transcript):
            if text in line or text in json.dumps(record, ensure_ascii=False):
                yield f"line {number} holds {what}"
    for request in SESSION:
        outcomes = [record["outcome"] for record in done.pop(request.id)]
        if outcomes != [request.outcome]:
            yield f"{request.id}: its outcome should be {request.outcome}; its lines say {outcomes}"
    yield from (f"{stranger}: nobody sent this request id" for stranger in done)


def _private(transcript: Transcript) -> Iterator[tuple[str, str]]:
    yield "the key", transcript.key
    for request in SESSION:
        yield f"the question of {request.id}", request.body["question"]
        if request.key is not None:
            yield f"the key of {request.id}", request.key
    for answer in transcript.answers:
        yield "an answer", answer


def serve_session(server: ServerProcess, key: str) -> Iterator[str]:
    """Hold the session, stop the server with SIGTERM, and yield every fault.

    Raises:
        ServerFailed: it never became ready.
    """
    sys.stderr.write("Waiting for the models ...\n")
    server.wait_until_ready()
    transcript = hold_session(server.url, key)
    # uvicorn stops in order and then lets the signal have its way, so that a parent sees why it ended.
    if (status := server.stop()) not in (0, -SIGTERM):
        yield f"the server's exit status is {status}"
    yield from transcript.wrong
    yield from faults(server.lines, transcript)


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 written, 1 the server failed, or its log is not as it should be; then nothing is written."""
    parser = argparse.ArgumentParser(prog="python -m tools.session_log", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("examples/session-log.jsonl"))
    options = parser.parse_args(arguments)
    key = secrets.token_urlsafe(24)
    try:
        with running_server({"API_KEYS": key, "AUTH_DISABLED": "false", "LOG_CONTENT": "false"}) as server:
            found = list(serve_session(server, key))
    except (ServerFailed, TimeoutExpired, httpx.HTTPError) as error:
        found = [str(error)]
    if found:
        sys.stderr.write("\n".join(["The log is not written:", *found, ""]))
        return 1
    options.output.write_text("".join(f"{line}\n" for line in server.lines), encoding="utf-8")
    sys.stderr.write(f"Written: {options.output}, {len(server.lines)} lines\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
