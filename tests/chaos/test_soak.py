"""Thousands of requests, and what is left of them."""

import asyncio
import statistics

import aiohttp
import psutil
import pytest

from tests.chaos.conftest import Figures
from tests.chaos.server import KEY, Serving, server

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3600)]

MIB = 1024 * 1024
QUESTIONS = ("Which port does the HTTP server listen on?", "What is a LoRA adapter?", "What is a tax form?", "Hello")
AT_ONCE, BLOCK = 8, 500


async def ask_many(serving: Serving, session: aiohttp.ClientSession, count: int) -> None:
    async def asker(share: int) -> None:
        for number in range(share):
            body = {"question": QUESTIONS[number % len(QUESTIONS)], "stream": number % 3 == 0}
            async with session.post(f"{serving.url}/v1/ask", json=body, headers={"X-API-KEY": KEY}) as response:
                await response.read()
                assert response.status in (200, 503)

    await asyncio.gather(*(asker(count // AT_ONCE) for _ in range(AT_ONCE)))


async def test_ten_thousand_requests_leave_nothing_behind(figure: Figures) -> None:
    """Files and threads are as many as before; what memory does is a figure."""
    with server(words=5, seconds=0.001, capacity=8, keep_answers=256) as serving:
        process, resident = psutil.Process(serving.process.pid), list[float]()
        async with aiohttp.ClientSession() as session:
            # What is made once, is made.
            await ask_many(serving, session, 4 * BLOCK)
            before = (process.num_fds(), process.num_threads())
            for _ in range(10_000 // BLOCK):
                await ask_many(serving, session, BLOCK)
                resident.append(process.memory_info().rss / MIB)
            after = (process.num_fds(), process.num_threads())
    assert before == after
    slope = statistics.linear_regression(range(len(resident)), resident).slope * (1000 / BLOCK)
    figure("soak of 10,000 requests", f"{slope:+.2f} MiB per 1,000 (from {resident[0]:.0f} to {resident[-1]:.0f}); "
           f"{after[0]} files and {after[1]} threads before and after")  # fmt: skip
