"""The worker that is this process: it takes jobs from the queue and gives them to the handler, without the SDK."""

import asyncio
import functools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any, cast

from agent.errors import InternalError
from agent.telemetry.logs import get_logger
from local_server.platform.endpoint import Endpoint
from local_server.platform.errors import PlatformError
from local_server.platform.job import Job
from local_server.platform.outcome import NOTHING, Outcome, returned
from local_server.platform.replies import encoded

# As the SDK's: what returns the output, or what yields it in pieces.
Handler = Callable[[dict[str, Any]], Awaitable[object] | AsyncIterator[object]]

WORKER = "in-process"
_LOOK_S = 0.1


class InProcessWorker:
    """Answers jobs of an endpoint.

    Args:
        endpoint: whose jobs.
        handler: what the SDK would call.
        concurrency: jobs at once.
        is_ready: whether jobs may be taken; a cold start is over.
    """

    def __init__(self, endpoint: Endpoint, handler: Handler, concurrency: int, is_ready: Callable[[], bool]) -> None:
        self._endpoint = endpoint
        self._handler = handler
        self._free = asyncio.Semaphore(concurrency)
        self._is_ready = is_ready
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self, _url: str) -> None:
        """Until it is cancelled; then what runs is stopped, and its jobs are nobody's."""
        self._endpoint.workers.add(WORKER).here = True
        tasks = [asyncio.create_task(part()) for part in (self._breathe, self._work, self._obey)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in (*tasks, *self._running.values()):
                task.cancel()
            await asyncio.gather(*tasks, *self._running.values(), return_exceptions=True)
            self._endpoint.workers.remove(WORKER)

    async def _breathe(self) -> None:
        while True:
            self._endpoint.workers.heard(WORKER)
            await asyncio.sleep(_LOOK_S)

    async def _work(self) -> None:
        while not self._is_ready():
            await asyncio.sleep(_LOOK_S)
        self._endpoint.workers.asked(WORKER)
        while True:
            await self._free.acquire()
            jobs = await self._endpoint.queue.take(WORKER, 1, None)
            if not jobs:  # the queue has closed; what runs goes on
                return
            task = self._running[jobs[0].id] = asyncio.create_task(self._do(jobs[0]))
            # Not in the task itself: one that is stopped before its first step never gets there.
            task.add_done_callback(functools.partial(self._left, jobs[0].id))

    def _left(self, job_id: str, task: "asyncio.Task[None]") -> None:
        self._free.release()
        # The same job may have been handed out again meanwhile.
        if self._running.get(job_id) is task:
            del self._running[job_id]

    async def _obey(self) -> None:
        while True:
            for job_id in await self._endpoint.queue.stops(WORKER, None):
                if task := self._running.get(job_id):
                    task.cancel()
            # A queue that has closed makes nobody wait.
            await asyncio.sleep(_LOOK_S)

    async def _outcome(self, job: Job) -> Outcome:
        """As the SDK has it (rp_job.py, `handle_job`); the pieces of a result are its list as well."""
        result = self._handler(job.handed_out())
        if not isinstance(result, AsyncIterator):
            return returned(await result)
        pieces = []
        async with aclosing(cast(AsyncGenerator[object, None], result)) as opened:
            async for piece in opened:
                if isinstance(piece, dict) and piece.get("error"):
                    return Outcome(error=str(piece["error"]))
                pieces.append(piece)
                self._endpoint.queue.chunk(job.id, WORKER, {"output": piece})
        return Outcome(pieces)

    async def _do(self, job: Job) -> None:
        try:
            outcome = await self._outcome(job)
        except PlatformError:
            # It was stopped meanwhile; nobody takes pieces of it any more.
            return
        except Exception:  # the edge of this transport, as the SDK's loop is of a worker's
            get_logger().exception("job.crashed", job_id=job.id)
            outcome = Outcome(error=InternalError.message)
        most_bytes = self._endpoint.settings.max_runsync_bytes
        if outcome.output is not NOTHING and len(encoded(outcome.output)) > most_bytes:
            outcome = Outcome.too_large(most_bytes)
        # It was cancelled or took too long meanwhile.
        with suppress(PlatformError):
            self._endpoint.queue.done(job.id, WORKER, outcome)
