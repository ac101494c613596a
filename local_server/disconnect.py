"""Stops work whose caller has left."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

T = TypeVar("T")
_MOMENT_S = 0.003


class Disconnected(Exception):
    """The caller has closed the connection; nobody reads an answer."""


async def until_disconnect(
    work: Coroutine[Any, Any, T], receive: Receive, undo: Callable[[T], None] | None = None
) -> T:  # fmt: skip
    """The result of `work`; when the caller leaves first, `work` is cancelled and waited for.

    `undo` gets a result that was ready when its caller had already left.

    It waits for the server's disconnect message instead of asking from time to time. The body must have been read.

    Raises:
        Disconnected: the caller left.
    """
    task = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(_disconnect(receive))
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            result = task.result()
            if undo is None:
                return result
            # A connection that was closed right behind its request is seen as closed a moment later.
            await asyncio.wait({watch}, timeout=_MOMENT_S)
            if not watch.done():
                return result
            undo(result)
        raise Disconnected
    finally:
        for future in (task, watch):
            future.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
