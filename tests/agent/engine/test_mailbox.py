"""What reaches an event loop from other threads."""

import asyncio
import threading

import pytest

from agent.engine.base import TokenDelta
from agent.engine.mailbox import Mailbox, Mailboxes
from agent.engine.outcomes import Outcomes
from agent.errors import GenerationFailed


async def test_everything_arrives_once_and_in_order() -> None:
    """From a thread that is faster than the loop, and slower."""
    outcomes = Outcomes(Mailboxes().of(asyncio.get_running_loop()))

    def deliver() -> None:
        for token in range(5000):
            outcomes.deliver(TokenDelta(token, "", "length" if token == 4999 else None))

    thread = threading.Thread(target=deliver)
    thread.start()
    assert list(range(5000)) == [delta.token_id async for delta in outcomes.stream()]
    thread.join()


async def test_an_error_ends_the_stream() -> None:
    """It is raised where the tokens are read."""
    outcomes = Outcomes(Mailbox(asyncio.get_running_loop()))
    outcomes.deliver(TokenDelta(1, ""))
    outcomes.deliver(GenerationFailed())
    stream = outcomes.stream()
    assert 1 == (await anext(stream)).token_id
    with pytest.raises(GenerationFailed):
        await anext(stream)


def test_a_closed_loop_is_told_of_each_time() -> None:
    """And forgotten when there is another one."""
    mailboxes = Mailboxes()
    loop = asyncio.new_event_loop()
    mailbox = mailboxes.of(loop)
    loop.close()
    for _ in range(2):
        with pytest.raises(RuntimeError):
            mailbox.put(lambda: None)
    other = asyncio.new_event_loop()
    assert mailboxes.of(other) is not mailbox
    other.close()
