"""What becomes of a generation, from the engine's thread to whoever waits for it in an event loop."""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial

from agent.engine.base import TokenDelta
from agent.engine.mailbox import Mailbox
from agent.errors import AskError


class Outcomes:
    """Of one generation: its tokens, or the error that ends it.

    Args:
        mailbox: of the event loop in which somebody waits.
    """

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._queue: asyncio.Queue[TokenDelta | AskError] = asyncio.Queue()

    def deliver(self, outcome: TokenDelta | AskError) -> None:
        """From any thread.

        Raises:
            RuntimeError: the event loop is closed: nobody waits any more.
        """
        self._mailbox.put(partial(self._queue.put_nowait, outcome))

    async def stream(self) -> AsyncGenerator[TokenDelta, None]:
        """The tokens up to the last one; raises the error."""
        while True:
            outcome = await self._queue.get()
            if isinstance(outcome, AskError):
                raise outcome
            yield outcome
            if outcome.finish is not None:
                return
