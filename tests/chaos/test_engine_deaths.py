"""An engine that dies while it writes."""

import asyncio
import signal
import time

import aiohttp
import pytest

from agent.watchdog import EXIT_STATUS
from tests.chaos.conftest import Figures
from tests.chaos.server import KEY, server

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

TIMES = 10
BODY = {"question": "Which port does the HTTP server listen on?"}


async def test_a_dead_engine_is_not_ready_and_its_process_ends(figure: Figures) -> None:
    """Whoever waits for an answer then is told, and the exit status says why."""
    not_ready, ended, told = list[float](), list[float](), list[int]()
    for _ in range(TIMES):
        with server(words=50, seconds=0.1, capacity=4) as serving:
            async with aiohttp.ClientSession() as session:

                async def ask() -> int:
                    url, headers = f"{serving.url}/v1/ask", {"X-API-KEY": KEY}
                    async with session.post(url, json=BODY, headers=headers) as response:
                        await response.read()
                        return response.status

                asked = [asyncio.create_task(ask()) for _ in range(8)]
                await asyncio.sleep(0.5)
                serving.process.send_signal(signal.SIGUSR1)
                died = time.monotonic()
                while True:
                    async with session.get(f"{serving.url}/health/ready") as response:
                        if response.status != 200:
                            break
                not_ready.append(time.monotonic() - died)
                told += await asyncio.gather(*asked)
            status = await asyncio.to_thread(serving.process.wait, 30)
            ended.append(time.monotonic() - died)
            assert EXIT_STATUS == status
    assert {500, 503} >= set(told)
    figure(
        f"{TIMES} engines that die with 8 questions",
        f"not ready after {max(not_ready) * 1e3:.0f} ms, all askers told, ended with {EXIT_STATUS} after "
        f"{max(ended):.1f} s (the slowest)",
    )
