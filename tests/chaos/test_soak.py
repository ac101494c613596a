"""Thousands of requests, and what is left of them."""

import asyncio
import statistics
from contextlib import suppress
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.chaos.conftest import Figures
from tests.chaos.server import KEY, Serving, real_server, server

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(3600)]

MIB = 1024 * 1024
KEYS = {"X-API-KEY": KEY}
MODES: tuple[dict[str, object], ...] = ({}, {"mode": "generative"}, {"mode": "extractive"}, {}, {"adapter": None})
QUESTIONS = ("Which port does the HTTP server listen on?", "What is a LoRA adapter?", "What is a tax form?", "Hello")
AT_ONCE = 8


async def ask_many(serving: Serving, session: aiohttp.ClientSession, count: int) -> None:
    """Every third one streams, every seventh leaves before its answer is whole."""

    async def asker(share: int) -> None:
        for number in range(share):
            body = {"question": QUESTIONS[number % len(QUESTIONS)], "stream": number % 3 == 0} | MODES[
                number % len(MODES)
            ]
            patience = aiohttp.ClientTimeout(0.05 if number % 7 == 6 else 600)
            with suppress(TimeoutError):
                async with session.post(f"{serving.url}/v1/ask", json=body, headers=KEYS, timeout=patience) as response:
                    await response.read()
                    assert response.status in (200, 503)

    await asyncio.gather(*(asker(count // AT_ONCE) for _ in range(AT_ONCE)))


async def soak(serving: Serving, count: int, block: int) -> str:
    """What so many requests leave; asserts that files and threads are as many as before, what memory does is told."""
    process, resident = psutil.Process(serving.process.pid), list[float]()
    async with aiohttp.ClientSession() as session:
        # What is made once, is made, and the kept answers are as many as there may be.
        await ask_many(serving, session, 8 * block)
        before = (process.num_fds(), process.num_threads())
        for _ in range(count // block):
            await ask_many(serving, session, block)
            resident.append(process.memory_info().rss / MIB)
        after = (process.num_fds(), process.num_threads())
    assert before == after
    slope = statistics.linear_regression(range(len(resident)), resident).slope * (1000 / block)
    return (
        f"{slope:+.2f} MiB per 1,000 (from {resident[0]:.0f} to {resident[-1]:.0f}); "
        f"{after[0]} files and {after[1]} threads before and after"
    )


async def test_ten_thousand_requests_leave_nothing_behind(figure: Figures) -> None:
    """With a scripted model."""
    with server(words=5, seconds=0.001, capacity=8, keep_answers=256) as serving:
        figure("soak of 10,000 requests", await soak(serving, 10_000, 500))


async def test_a_thousand_requests_to_the_real_model_leave_nothing_behind(figure: Figures, real_store: Path) -> None:
    """With the embedded models, in both modes, with and without the adapter."""
    with real_server(rag_store=real_store, keep_answers=96) as serving:
        figure("soak of 1,000 requests to the embedded models", await soak(serving, 1_000, 40))
