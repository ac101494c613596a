"""A caller who leaves: the work stops, nothing stays taken."""

import asyncio

import httpx
import pytest
from starlette.types import Message

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.settings import Settings
from local_server.disconnect import Disconnected, until_disconnect
from tests.fakes.loading import scripted_loader
from tests.local_server.conftest import Log
from tests.local_server.serving import ENDLESS, QUESTION, serving, wait


async def never() -> Message:
    """A caller who stays."""
    await asyncio.Event().wait()
    raise AssertionError


async def gone() -> Message:
    """A caller who has left."""
    return {"type": "http.disconnect"}


async def test_work_that_ends_first_gives_its_result() -> None:
    """The caller is still there."""

    async def work() -> int:
        return 42

    assert 42 == await until_disconnect(work(), never)


async def test_an_error_of_the_work_is_the_callers() -> None:
    """It is raised as it is."""

    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await until_disconnect(work(), never)


async def test_work_is_cancelled_and_waited_for_when_the_caller_leaves() -> None:
    """What it does on its way out is done before anybody hears that the caller left."""
    cleaned_up = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned_up.append(True)

    with pytest.raises(Disconnected):
        await until_disconnect(work(), gone)
    assert [True] == cleaned_up


@pytest.fixture
def slow() -> ScriptedEngine:
    """An engine that would take half a minute, and can do one thing at a time."""
    return ScriptedEngine(lambda _prompt: ENDLESS, delay_s=0.05, capacity=1)


def test_leaving_stops_the_generation(settings: Settings, slow: ScriptedEngine, log: Log) -> None:
    """When a client gives up and closes its connection the engine stops, and the next question gets its place."""
    runtime = Runtime(settings.model_copy(update={"max_queue": 0}), scripted_loader(slow))
    with serving(runtime) as client:
        for times in (1, 2):
            with pytest.raises(httpx.ReadTimeout):
                client.post("/v1/ask", json={"question": QUESTION}, headers={"X-Request-ID": f"r-{times}"}, timeout=0.5)
            wait(lambda: len(log.outcomes()) == times)  # noqa: B023 - called at once
            assert (times, 0) == (slow.cancelled, slow.stats().running)
    assert {"r-1": ["cancelled"], "r-2": ["cancelled"]} == log.outcomes()
    assert "http.crashed" not in log.text


def test_leaving_a_stream_stops_the_generation(settings: Settings, slow: ScriptedEngine, log: Log) -> None:
    """The same in the middle of a stream."""
    runtime = Runtime(settings.model_copy(update={"max_queue": 0}), scripted_loader(slow))
    with serving(runtime) as client:
        body = {"question": QUESTION, "stream": True}
        for times in (1, 2):
            with client.stream("POST", "/v1/ask", json=body, headers={"X-Request-ID": f"r-{times}"}) as response:
                assert "event: delta" in response.iter_lines()
            wait(lambda: len(log.outcomes()) == times)  # noqa: B023 - called at once
            assert (times, 0) == (slow.cancelled, slow.stats().running)
    assert {"r-1": ["cancelled"], "r-2": ["cancelled"]} == log.outcomes()
    assert "http.crashed" not in log.text


@pytest.mark.parametrize("gone", [True, False])
async def test_what_was_ready_when_the_caller_had_left_is_undone(gone: bool) -> None:
    """A job that was taken for a worker whose connection is closed goes back; otherwise the caller has it."""

    async def receive() -> Message:
        if not gone:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def work() -> str:
        return "job"

    undone: list[str] = []
    if gone:
        with pytest.raises(Disconnected):
            await until_disconnect(work(), receive, undone.append)
    else:
        assert "job" == await until_disconnect(work(), receive, undone.append)
    assert undone == ["job"] * gone
