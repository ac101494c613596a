"""Who can be asked: models in this process, a server, an endpoint."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Protocol

from agent.ask.failure import Failure
from agent.errors import DeadlineExceeded, Unavailable
from agent.schemas import Answer, AskEvent, AskRequest, FinalEvent

# What a question waits for before anything happens, in words.
Note = Callable[[str], None]
# Whoever is asked keeps the deadline; when nothing was heard for so long behind it, it is kept here.
_GRACE_S = 5.0


class Asker(Protocol):
    """Answers questions, one after the other, all in one event loop."""

    def ask(self, request: AskRequest, request_id: str, note: Note) -> AsyncGenerator[AskEvent, None]:
        """The question's events, the whole answer last. Closing the iterator cancels the question.

        Raises:
            Failure: there is no answer.
        """
        ...

    async def close(self) -> None:
        """Free what it holds."""
        ...


async def answer_of(
    asker: Asker, request: AskRequest, request_id: str, show: Callable[[AskEvent], None], note: Note
) -> Answer:
    """The answer; `show` gets the events on the way.

    Raises:
        Failure: there is no answer.
    """
    try:
        async with asyncio.timeout(request.timeout_s and request.timeout_s + _GRACE_S):
            async with aclosing(asker.ask(request, request_id, note)) as events:
                async for event in events:
                    show(event)
                    if isinstance(event, FinalEvent):
                        return event.answer
    except TimeoutError as error:
        raise Failure.of(DeadlineExceeded(), request_id) from error
    raise Failure.of(Unavailable("The answer broke off before its end."), request_id)
