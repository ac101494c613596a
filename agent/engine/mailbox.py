"""Hands what the engine's thread has for an event loop over to it, all that there is at once."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable

Letter = Callable[[], None]


class Mailbox:
    """Of one event loop. Waking it up takes longer than anything else that is done for a token.

    Args:
        loop: in which letters are called, in their order.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._letters: deque[Letter] = deque()
        self._woken = False

    def put(self, letter: Letter) -> None:
        """From any thread.

        Raises:
            RuntimeError: the event loop is closed.
        """
        self._letters.append(letter)
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._empty)
            except RuntimeError:
                self._woken = False
                raise

    def _empty(self) -> None:
        # First: what comes from now on wakes the loop up again.
        self._woken = False
        while self._letters:
            self._letters.popleft()()


class Mailboxes:
    """One for each event loop."""

    def __init__(self) -> None:
        self._of: dict[asyncio.AbstractEventLoop, Mailbox] = {}
        self._adding = threading.Lock()

    def of(self, loop: asyncio.AbstractEventLoop) -> Mailbox:
        """That of a loop that runs."""
        with self._adding:
            if loop not in self._of:
                self._of = {known: box for known, box in self._of.items() if not known.is_closed()}
                self._of[loop] = Mailbox(loop)
            return self._of[loop]
