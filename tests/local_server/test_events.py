"""Answers as server-sent events."""

from typing import Any

import httpx

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.settings import Settings
from tests.fakes.loading import scripted_loader
from tests.local_server.conftest import Log
from tests.local_server.serving import ANSWER, QUESTION, events_of, parse_events, problem, serving


def test_a_stream_tells_the_steps_then_the_answer(client: httpx.Client) -> None:
    """Sources before the first word, the verified answer after all of it; the name of an event is its type."""
    events = events_of(client)
    names = [name for name, _data in events]
    assert ["status", "status", "sources", "status", "delta"] == names[:5]
    assert ["status", "status", "citation", "verification", "final", "done"] == names[-6:]
    assert names[:-1] == [data["type"] for _name, data in events[:-1]]
    answer = events[-2][1]["answer"]
    assert (ANSWER, {"request_id": answer["request_id"]}) == (answer["answer"], events[-1][1])
    assert answer["citations"] == [data["citation"] for name, data in events if name == "citation"]
    verification = {"type": "verification"} | {
        name: answer[name] for name in ("abstained", "reason", "grounded", "confidence")
    }
    assert [verification] == [data for name, data in events if name == "verification"]


def test_accept_asks_for_a_stream_too(client: httpx.Client) -> None:
    """As browsers' EventSource does."""
    headers = {"Accept": "text/event-stream"}
    response = client.post("/v1/ask", json={"question": "Hola"}, headers=headers)
    assert ["status", "verification", "final", "done"] == [name for name, _data in parse_events(response.content)]


def test_any_text_fits_into_an_event(settings: Settings) -> None:
    """Accents, emoji, and every kind of line break arrive as the engine wrote them."""
    words = "¿Qué? 🙂 line\nbreak\rreturn\u2028separator\x85next event: data: end"
    with serving(Runtime(settings, scripted_loader(ScriptedEngine(lambda _prompt: words)))) as client:
        deltas = [data["text"] for name, data in events_of(client) if name == "delta"]
    assert words == "".join(deltas)


def test_a_stream_that_cannot_begin_is_an_ordinary_error(client: httpx.Client, log: Log) -> None:
    """An unknown adapter has its status, not a 200 with an event."""
    body = {"question": QUESTION, "adapter": "nobody", "stream": True}
    problem(client.post("/v1/ask", json=body, headers={"X-Request-ID": "r-1"}), 422, "unknown_adapter")
    assert {"r-1": ["unknown_adapter"]} == log.outcomes()


def test_an_error_after_the_beginning_is_the_last_event(settings: Settings, log: Log) -> None:
    """`error`, with the same problem that a response would have; nothing of Python in it."""

    def script(_prompt: str) -> str:
        raise RuntimeError("secret")

    with serving(Runtime(settings, scripted_loader(ScriptedEngine(script)))) as client:
        client.headers["X-Request-ID"] = "r-1"
        events = events_of(client)
    assert ["status", "status", "sources", "status", "error"] == [name for name, _data in events]
    error: dict[str, Any] = events[-1][1]
    assert ("generation_failed", "r-1", True) == (error["code"], error["request_id"], error["retryable"])
    assert "secret" not in str(error)
    assert {"r-1": ["generation_failed"]} == log.outcomes()


def test_silence_is_filled_with_comments(settings: Settings) -> None:
    """A slow model does not look like a dead connection, and the events are the same."""
    slow = ScriptedEngine(lambda _prompt: "one two", delay_s=0.5)
    with serving(Runtime(settings, scripted_loader(slow)), heartbeat_s=0.05) as client:
        response = client.post("/v1/ask", json={"question": QUESTION, "stream": True})
    assert b"\n\n: ping\n\n" in response.content
    names = [name for name, _data in parse_events(response.content)]
    assert ["status", "status", "sources", "status", "delta", "delta", "status", "status"] == names[:8]
    assert "done" == names[-1]
