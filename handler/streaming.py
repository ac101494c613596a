"""The handler that streams: a job's events, one after the other, as they happen."""

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

from agent.errors import AskError, InternalError
from agent.runtime import Runtime
from agent.schemas import AskEvent, DeltaEvent
from agent.telemetry.logs import get_logger
from agent.telemetry.request_line import Caller
from handler.envelope import caller_of, traceparent_of
from handler.handler import asked, failed, loaded, unless_poison
from handler.openai import ChatJob

# The first word goes at once; those that follow are collected for so long: the SDK waits for an answer to each piece.
_GAP_S = 0.1


async def stream_handler(job: object) -> AsyncIterator[Any]:
    """A job's pieces, with what this process has loaded, or loads for it."""
    async with aclosing(stream(job)) as pieces:
        async for piece in pieces:
            yield piece


async def stream(job: object, runtime: Runtime | None = None) -> AsyncGenerator[Any, None]:
    """A job's pieces: the events of HTTP as objects, words in groups; or those of OpenAI's protocol as text.

    A job that fails ends with what `handler.answer` would return. Nothing is ever raised but a cancellation.
    """
    caller, chat = caller_of(job), ChatJob.of(job)
    try:
        runtime = await loaded(runtime)
        # A span of the job's own would have to stay current while others read what it has said.
        caller = replace(caller, traceparent=traceparent_of(job))
        pieces = chat.pieces(caller, runtime) if chat else _events(job, caller, runtime)
        async with unless_poison(caller, runtime), aclosing(pieces):
            async for piece in pieces:
                yield piece
    except AskError as error:
        yield failed(job, error, caller)
    except Exception as error:  # the edge of this transport: the SDK would send the traceback to the caller
        get_logger().exception("handler.crashed", request_id=caller.request_id)
        yield failed(job, InternalError(detail=repr(error)), caller)


async def _events(job: object, caller: Caller, runtime: Runtime) -> AsyncGenerator[dict[str, Any], None]:
    events = runtime.ask(asked(job, caller), caller)
    async with aclosing(grouped(cast(AsyncGenerator[AskEvent, None], events))) as groups:
        async for event in groups:
            yield event.model_dump(mode="json")


async def grouped(events: AsyncGenerator[AskEvent, None], gap_s: float = _GAP_S) -> AsyncGenerator[AskEvent, None]:
    """The same events, but of the words after the first those of `gap_s` seconds are one."""
    text, sent = "", float("-inf")
    async with aclosing(events):
        async for event in events:
            if isinstance(event, DeltaEvent):
                text += event.text
                if time.monotonic() - sent < gap_s:
                    continue
                event, text, sent = DeltaEvent(text=text), "", time.monotonic()
            elif text:
                yield DeltaEvent(text=text)
                text = ""
            yield event
    if text:
        yield DeltaEvent(text=text)
