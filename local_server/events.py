"""Server-sent events (WHATWG HTML, 9.2)."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from http import HTTPStatus
from typing import cast

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from agent.errors import AskError, Unavailable
from agent.schemas import AskEvent
from local_server.disconnect import until_disconnect

HEARTBEAT_S = 15.0
# What ends a stream: after the last event, or instead of it.
End = Callable[[AskError | None], bytes]


def answer_stream(events: AsyncIterator[AskEvent], request_id: str, heartbeat_s: float) -> "EventStream":
    """One event for each `AskEvent`, named by its type, and `done` at the end; after an error `error` instead."""

    async def pieces() -> AsyncGenerator[bytes, None]:
        async with aclosing(cast(AsyncGenerator[AskEvent, None], events)) as opened:
            async for event in opened:
                yield format_sse_event(event=event.type, data_str=event.model_dump_json())

    def end(failure: AskError | None) -> bytes:
        if failure is None:
            return format_sse_event(event="done", data_str=json.dumps({"request_id": request_id}))
        return format_sse_event(event="error", data_str=json.dumps(failure.problem(request_id)))

    return EventStream(pieces(), end, heartbeat_s)


class EventStream(Response):
    """Events as they come.

    FastAPI's own streaming answers 200 before it asks for the first event. Here an error before the first event, and
    before the first heartbeat, is raised, and becomes an ordinary response with its own status.

    Args:
        pieces: the events, as they are sent; closed when the stream ends, and when the caller leaves.
        end: the last one, given the error that ended them.
        heartbeat_s: seconds of silence after which a comment keeps proxies from closing the connection.
        at_end: called when all is over, also where `pieces` never began.
    """

    media_type = "text/event-stream"

    def __init__(
        self, pieces: AsyncGenerator[bytes, None], end: End, heartbeat_s: float,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.status_code = HTTPStatus.OK
        self.background = None
        self.init_headers({"X-Accel-Buffering": "no"})
        self._pieces = pieces
        self._end = end
        self._open = False
        self._heartbeat_s = heartbeat_s
        self._at_end = at_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events.

        Raises:
            AskError: before the first event; nothing was sent.
            Disconnected: the caller left.
        """
        try:
            await until_disconnect(self._send_events(send), receive)
        except asyncio.CancelledError:
            # The server stops; a caller who leaves is `Disconnected`.
            if self._open:
                await self._send_end(send, Unavailable())
            raise
        finally:
            self._at_end()

    async def _send_events(self, send: Send) -> None:
        async with aclosing(self._pieces):
            failure: AskError | None = None
            try:
                while (piece := await self._next(send)) is not None:
                    await self._send(send, piece)
            except AskError as error:
                if not self._open:
                    raise
                failure = error
            await self._send_end(send, failure)

    async def _send(self, send: Send, part: bytes) -> None:
        if not self._open:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            self._open = True
        await send({"type": "http.response.body", "body": part, "more_body": True})

    async def _send_end(self, send: Send, failure: AskError | None) -> None:
        await self._send(send, self._end(failure))
        self._open = False
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _next(self, send: Send) -> bytes | None:
        """The next event, with heartbeats while it takes its time; None after the last one."""
        coming = asyncio.ensure_future(anext(self._pieces, None))
        try:
            while not (await asyncio.wait({coming}, timeout=self._heartbeat_s))[0]:
                await self._send(send, KEEPALIVE_COMMENT)
            return coming.result()
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
