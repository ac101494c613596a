"""This engine."""

import asyncio
import time
from pathlib import Path
from typing import ClassVar

from agent.engine.base import Sampling
from agent.engine.options import EngineOptions
from agent.engine.transformers_engine import TransformersEngine
from benchmarks.engine.job import Job, Load, Setup, Timing


class Askpod:
    """As it runs in the service."""

    drafts: ClassVar[bool] = True

    def __init__(self, setup: Setup) -> None:
        self._adapters = {str(place): Path(folder) for place, folder in enumerate(setup.adapters)}
        self._engine = TransformersEngine(
            EngineOptions(
                Path(setup.folder), adapters=self._adapters, device=setup.device, dtype=setup.dtype,  # type: ignore[arg-type]
                drafts=self.drafts,
            )
        )  # fmt: skip
        self._loads = 0

    def run(self, load: Load) -> list[Timing]:
        """Do every job; what an earlier load left in the cache is hidden by another salt, unless it may be used."""
        self._loads += not load.cached
        return asyncio.run(self._run(load))

    async def _run(self, load: Load) -> list[Timing]:
        places = asyncio.Semaphore(load.at_once)

        async def one(job: Job) -> Timing:
            async with places:
                return await self._one(job)

        return await asyncio.gather(*map(one, load.jobs))

    async def _one(self, job: Job) -> Timing:
        adapter = None if job.adapter is None else str(job.adapter)
        began, first, tokens = time.perf_counter(), None, 0
        stream = self._engine.generate(job.prompt, Sampling(job.tokens), adapter, salt=str(self._loads).encode())
        async for _delta in stream:
            tokens += 1
            first = first or time.perf_counter() - began
        return Timing(tokens, time.perf_counter() - began, first)

    def close(self) -> None:
        """End its thread."""
        self._engine.close()


class WithoutLookup(Askpod):
    """Without guesses from the prompt."""

    drafts = False
