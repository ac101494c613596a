"""Something that changes, and those who wait for it; all in one event loop."""

import asyncio
from collections.abc import Callable


class Change:
    """Wakes everybody who waits, each time."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def tell(self) -> None:
        """It has changed."""
        self._event.set()
        self._event = asyncio.Event()

    async def until(self, condition: Callable[[], bool], wait_s: float | None) -> None:
        """Wait until the condition is true, for `wait_s` at most; None is for ever."""
        try:
            async with asyncio.timeout(wait_s):
                while not condition():
                    await self._event.wait()
        except TimeoutError:
            return
