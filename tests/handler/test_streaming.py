"""The handler that streams: what its pieces are, and how they are grouped."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.schemas import AskEvent, DeltaEvent, SourcesEvent
from agent.settings import Settings
from handler.streaming import grouped, stream
from tests.fakes.loading import scripted_loader

QUESTION = "Which port does the HTTP server listen on?"
WORDS = "The HTTP server listens on port 8000 by default."


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine(lambda _prompt: WORDS, delay_s=0.03)


@pytest.fixture
def runtime(settings: Settings, engine: ScriptedEngine) -> Runtime:
    made = Runtime(settings, scripted_loader(engine))
    made.load()
    return made


async def pieces_of(job: Any, runtime: Runtime) -> list[Any]:
    return [piece async for piece in stream(job, runtime)]


async def test_the_pieces_are_the_events_of_http(runtime: Runtime) -> None:
    """Words in groups, the first one alone; the whole answer last."""
    pieces = await pieces_of({"id": "j", "input": {"question": QUESTION}}, runtime)
    deltas = [piece["text"] for piece in pieces if piece["type"] == "delta"]
    assert WORDS == "".join(deltas)
    assert "The" == deltas[0].strip()
    assert 2 <= len(deltas) < len(WORDS.split())
    assert ["status", "status", "sources", "status", "delta"] == [piece["type"] for piece in pieces[:5]]
    assert ["citation", "verification", "final"] == [piece["type"] for piece in pieces[-3:]]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"question": 5}, "invalid_request"),
        ([], "malformed_body"),
        ({"question": "a", "adapter": "x"}, "unknown_adapter"),
    ],
)
async def test_a_job_that_fails_says_so_in_one_piece(runtime: Runtime, given: Any, code: str) -> None:
    """The problem as a string: the SDK makes a string of anything else, in Python's way."""
    (piece,) = await pieces_of({"id": "j", "input": given}, runtime)
    assert {"error"} == set(piece)
    assert (code, "j") == (json.loads(piece["error"])["code"], json.loads(piece["error"])["request_id"])


async def test_a_job_that_is_stopped_stops_its_generation(runtime: Runtime, engine: ScriptedEngine) -> None:
    """As the SDK does it: the task that reads is cancelled."""

    async def read(first: asyncio.Event) -> None:
        async for piece in stream({"id": "j", "input": {"question": QUESTION}}, runtime):
            if piece["type"] == "delta":
                first.set()

    first = asyncio.Event()
    task = asyncio.create_task(read(first))
    await first.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert 1 == engine.cancelled


async def test_words_wait_for_one_another_and_for_nothing_else() -> None:
    """What comes between them keeps its place."""

    async def events() -> AsyncGenerator[AskEvent, None]:
        for text in ("a", "b", "c"):
            yield DeltaEvent(text=text)
        yield SourcesEvent(sources=[])
        yield DeltaEvent(text="d")

    got = [event async for event in grouped(events(), gap_s=60)]
    assert ["a", "bc", None, "d"] == [event.text if isinstance(event, DeltaEvent) else None for event in got]
