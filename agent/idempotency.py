"""The same question under the same key is answered once: who asks again joins it, or gets the answer that was kept."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from agent.errors import IdempotencyConflict
from agent.schemas import Answer, AskRequest


@dataclass(slots=True)
class _Work:
    question: dict[str, Any]
    task: asyncio.Task[Answer]
    readers: int = 0
    was_read: bool = False
    ended: float | None = None


class Idempotency:
    """Answers by key: of work that runs, and for a while of work that has ended. Errors are not kept.

    Args:
        kept: so many answers.
        kept_s: for so long.
        clock: seconds that never go back.
    """

    def __init__(self, kept: int, kept_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept = kept
        self._kept_s = kept_s
        self._clock = clock
        # Those that have ended are in the order in which they did.
        self._works: OrderedDict[str, _Work] = OrderedDict()

    async def answer(
        self, key: str | None, request: AskRequest, work: Callable[[], Coroutine[Any, Any, Answer]]
    ) -> tuple[Answer, bool]:
        """What `work` gives, or gives or gave to another call under the same key; and whether it is a replay: of all
        who get it, to all but the first.

        Who leaves does not stop the others; when the last one has left, the work is cancelled and waited for.

        Raises:
            IdempotencyConflict: another question came under this key.
            AskError: whatever `work` raises.
        """
        if key is None:
            return await work(), False
        self._forget()
        running = self._works.get(key)
        if running is None:
            running = self._works[key] = _Work(_question(request), asyncio.create_task(work()))
            running.task.add_done_callback(lambda _task: self._ended(key, running))
        elif running.question != _question(request):
            raise IdempotencyConflict
        answer = await self._read(running)
        is_replay, running.was_read = running.was_read, True
        return answer, is_replay

    async def _read(self, work: _Work) -> Answer:
        work.readers += 1
        try:
            return await asyncio.shield(work.task)
        finally:
            work.readers -= 1
            if not work.readers and not work.task.done():
                work.task.cancel()
                await asyncio.wait({work.task})

    def _ended(self, key: str, work: _Work) -> None:
        if work.task.cancelled() or work.task.exception() is not None or not self._kept:
            del self._works[key]
            return
        work.ended = self._clock()
        self._works.move_to_end(key)

    def _forget(self) -> None:
        ended = [(key, work.ended) for key, work in self._works.items() if work.ended is not None]
        for number, (key, at) in enumerate(ended):
            if len(ended) - number > self._kept or self._clock() - at >= self._kept_s:
                del self._works[key]


def _question(request: AskRequest) -> dict[str, Any]:
    """What must be the same; how the answer is sent, and how long one waits for it, may differ."""
    return request.model_dump(exclude={"stream", "timeout_s", "trace"}, exclude_unset=True)
