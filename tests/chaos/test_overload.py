"""Fifty times as many questions as can be answered."""

import asyncio
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field

import aiohttp
import pytest

from tests.chaos.conftest import Figures
from tests.chaos.server import KEY, Serving, server

pytestmark = pytest.mark.timeout(600)

BODY = {"question": "Which port does the HTTP server listen on?"}
CAPACITY, QUEUE = 4, 8


@dataclass
class Seen:
    """What callers saw."""

    statuses: Counter[int] = field(default_factory=Counter)
    rejected_s: list[float] = field(default_factory=list)
    without_retry_after: int = 0


async def ask(session: aiohttp.ClientSession, serving: Serving, seen: Seen) -> None:
    began = time.monotonic()
    async with session.post(f"{serving.url}/v1/ask", json=BODY, headers={"X-API-KEY": KEY}) as response:
        await response.read()
    seen.statuses[response.status] += 1
    if response.status != 200:
        seen.rejected_s.append(time.monotonic() - began)
        seen.without_retry_after += "Retry-After" not in response.headers


async def plateau(serving: Serving, seconds: float) -> float:
    """Answers a second when as many ask as there are places for, again and again."""
    seen, until = Seen(), time.monotonic() + seconds

    async def asker(session: aiohttp.ClientSession) -> None:
        while time.monotonic() < until:
            await ask(session, serving, seen)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(asker(session) for _ in range(CAPACITY + QUEUE)))
    assert {200} == set(seen.statuses)
    return seen.statuses[200] / seconds


async def flood(serving: Serving, rate: float, seconds: float) -> Seen:
    """Questions at this rate, whatever comes of those before."""
    seen, tasks, began = Seen(), set[asyncio.Task[None]](), time.monotonic()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        while (now := time.monotonic() - began) < seconds:
            while len(tasks) + sum(seen.statuses.values()) < now * rate:
                task = asyncio.create_task(ask(session, serving, seen))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.sleep(0.005)
        await asyncio.gather(*tasks)
    return seen


@pytest.mark.parametrize(
    ("seconds", "word_s"),
    [(3, 0.1), pytest.param(60, 0.1, marks=pytest.mark.chaos), pytest.param(60, 0.5, marks=pytest.mark.chaos)],
)
async def test_a_flood_is_refused_and_the_rest_is_answered(seconds: int, word_s: float, figure: Figures) -> None:
    """Only 200 and 503 with Retry-After; afterwards every place is free."""
    with server(words=8, seconds=word_s, capacity=CAPACITY, max_queue=QUEUE) as serving:
        usual = await plateau(serving, max(3, seconds / 3))
        seen = await flood(serving, 50 * usual, seconds)
        assert {200, 503} == set(seen.statuses)
        assert 0 == seen.without_retry_after
        assert "ready" == serving.health()["state"]
        assert usual / 2 < await plateau(serving, max(3, 24 * word_s))
    p99 = statistics.quantiles(seen.rejected_s, n=100)[98]
    offered = sum(seen.statuses.values()) / seconds
    figure(
        f"overload for {seconds} s, answers of {8 * word_s:g} s",
        f"{offered:.0f} questions/s against a plateau of {usual:.1f} ({offered / usual:.0f}x); rejection p99 "
        f"{p99 * 1000:.1f} ms, goodput {seen.statuses[200] / seconds / usual:.0%} of the plateau",
    )
