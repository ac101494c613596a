"""An answer as a stream of events: what happens on the way, and in the end what it came to."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

from agent.schemas import Answer, AskEvent, closing_events

Emit = Callable[[AskEvent], None]


def ignore(_event: AskEvent) -> None:
    """Where nobody wants to know."""


async def events_of(answer: Callable[[Emit], Coroutine[Any, Any, Answer]]) -> AsyncGenerator[AskEvent, None]:
    """The events that `answer` emits, as they come, and those that close it. Closing the iterator cancels it.

    Raises:
        AskError: whatever `answer` raises.
    """
    events: asyncio.Queue[AskEvent] = asyncio.Queue()
    work = asyncio.create_task(answer(events.put_nowait))
    getter = asyncio.ensure_future(events.get())
    try:
        while not (work.done() and events.empty() and not getter.done()):
            await asyncio.wait({getter, work}, return_when=asyncio.FIRST_COMPLETED)
            if getter.done():
                event, getter = getter.result(), asyncio.ensure_future(events.get())
                yield event
        for event in closing_events(work.result()):
            yield event
    finally:
        for task in (getter, work):
            task.cancel()
        await asyncio.gather(getter, work, return_exceptions=True)
