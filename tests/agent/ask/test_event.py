"""From bytes to events."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agent.ask.event import event_of, events_of_answer, json_of, sent_events
from agent.ask.failure import Failure
from agent.schemas import DeltaEvent, FinalEvent, StatusEvent
from tests.agent.ask.answers import answered


async def events_in(stream: bytes, size: int) -> list[tuple[str, str]]:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(stream), size):
            yield stream[start : start + size]

    return [event async for event in sent_events(chunks(), "r-1")]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_events_are_read_however_they_are_cut(size: int) -> None:
    """In the middle of a letter, too; comments keep the connection alive and say nothing."""
    stream = ': ping\n\nevent: delta\r\ndata: "¿Qué?"\r\n\r\ndata:1\ndata: 2\n\nevent: unfinished\ndata: x'.encode()
    assert [("delta", '"¿Qué?"'), ("", "1\n2")] == await events_in(stream, size)


async def test_only_newlines_end_a_line() -> None:
    """JSON holds the other separators of lines as they are."""
    text = "one\u2028two\x85three\x0bfour"
    data = json.dumps({"text": text}, ensure_ascii=False).replace("\\u000b", "\x0b")
    assert [("", data)] == await events_in(f"data: {data}\n\n".encode(), 5)


async def test_a_line_without_an_end_is_no_event() -> None:
    """A server that sends for ever fills no memory."""
    with pytest.raises(Failure, match="internal_error"):
        await events_in(b"data: " + b"x" * 17 * 2**20, 2**20)


def test_an_event_of_a_newer_server_is_read_as_far_as_it_is_known() -> None:
    """New fields and new events say nothing here."""
    assert DeltaEvent(text="a") == event_of({"type": "delta", "text": "a", "new": 1}, "r-1")
    step = {"name": "router", "decision": "question", "ms": 1, "new": {}}
    assert isinstance(event_of({"type": "status", "step": step}, "r-1"), StatusEvent)
    assert event_of({"type": "new"}, "r-1") is None
    assert FinalEvent(answer=answered()) == events_of_answer(answered().model_dump() | {"new": 1}, "r-1")[-1]


@pytest.mark.parametrize("value", [None, [], "delta", {"type": "delta"}, {"type": "final", "answer": {}}])
def test_what_is_no_event_is_a_failure(value: Any) -> None:
    """Of the server, whatever it is."""
    with pytest.raises(Failure, match="not how an Askpod"):
        event_of(value, "r-1")


def test_what_is_no_json_is_a_failure() -> None:
    """Nor what is nested so deep that it ends the parser."""
    for text in ("", "{", "[" * 100_000):
        with pytest.raises(Failure, match="not how an Askpod"):
            json_of(text, "r-1")
