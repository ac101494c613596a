"""Thousands of requests, and what is left of them."""

import asyncio
import itertools
import statistics
from collections.abc import Iterator
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
# Prompts of many lengths, as people ask.
ASIDES = ("", " Please.", " I could not find it in the guides.", " Answer in one sentence, and say where it stands.")
AT_ONCE = 8


async def ask_many(serving: Serving, session: aiohttp.ClientSession, numbers: Iterator[int], count: int) -> None:
    """Every third one streams, every seventh leaves before its answer is whole."""

    async def asker(share: int) -> None:
        for number in itertools.islice(numbers, share):
            question = QUESTIONS[number % len(QUESTIONS)] + ASIDES[number // 5 % len(ASIDES)]
            body = {"question": question, "stream": number % 3 == 0} | MODES[number % len(MODES)]
            patience = aiohttp.ClientTimeout(0.05 if number % 7 == 6 else 600)
            with suppress(TimeoutError):
                async with session.post(f"{serving.url}/v1/ask", json=body, headers=KEYS, timeout=patience) as response:
                    await response.read()
                    assert response.status in (200, 503)

    await asyncio.gather(*(asker(count // AT_ONCE) for _ in range(AT_ONCE)))


async def soak(serving: Serving, count: int, block: int) -> tuple[float, str]:
    """MiB that a thousand of so many requests leave, and what is to be told; asserts that files and threads are as many
    as before.
    """
    process, resident, numbers = psutil.Process(serving.process.pid), list[float](), itertools.count()
    async with aiohttp.ClientSession() as session:
        # What is made once, is made, and the kept answers are as many as there may be.
        await ask_many(serving, session, numbers, 8 * block)
    before = await settled(process)
    async with aiohttp.ClientSession() as session:
        for _ in range(count // block):
            await ask_many(serving, session, numbers, block)
            resident.append(process.memory_info().rss / MIB)
    after = await settled(process)
    assert before == after
    slope = statistics.linear_regression(range(len(resident)), resident).slope * (1000 / block)
    return slope, (
        f"{slope:+.2f} MiB per 1,000 (from {resident[0]:.0f} to {resident[-1]:.0f}); "
        f"{after[0]} files and {after[1]} threads before and after"
    )


async def settled(process: psutil.Process) -> tuple[int, int]:
    """Files and threads, a moment after the last connection was closed."""
    await asyncio.sleep(1)
    return process.num_fds(), process.num_threads()


async def test_ten_thousand_requests_leave_nothing_behind(figure: Figures) -> None:
    """With a scripted model; no task of the loop either."""
    with server(words=5, seconds=0.001, capacity=8, keep_answers=256) as serving:
        before = serving.tasks()
        slope, told = await soak(serving, 10_000, 400)
        after = serving.tasks()
        figure("soak of 10,000 requests", f"{told}, {after} tasks")
        assert before == after
        assert slope < 1


async def test_a_thousand_requests_to_the_real_model_leave_nothing_behind(figure: Figures, real_store: Path) -> None:
    """With the embedded models, in both modes, with and without the adapter."""
    with real_server(rag_store=real_store, keep_answers=96) as serving:
        _slope, told = await soak(serving, 1_000, 40)
        figure("soak of 1,000 requests to the embedded models", told)
