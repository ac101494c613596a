"""An answer as server-sent events (WHATWG HTML, 9.2)."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from http import HTTPStatus
from typing import cast

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from agent.errors import AskError, Unavailable
from agent.schemas import AskEvent
from local_server.disconnect import until_disconnect


class EventStream(Response):
    """One event for each `AskEvent`, named by its type; an error after the first one is a last event `error`.

    FastAPI's own streaming answers 200 before it asks for the first event. Here an error before the first event is
    raised, and becomes an ordinary response with its own status.

    Args:
        events: the events; closed when the stream ends, and when the caller leaves.
        request_id: goes into the problem of an `error` event.
        heartbeat_s: seconds of silence after which a comment keeps proxies from closing the connection.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[AskEvent], request_id: str, heartbeat_s: float) -> None:
        self.status_code = HTTPStatus.OK
        self.background = None
        self.init_headers({"X-Accel-Buffering": "no"})
        self._events = cast(AsyncGenerator[AskEvent, None], events)
        self._request_id = request_id
        self._open = False
        self._heartbeat_s = heartbeat_s

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

    async def _send_events(self, send: Send) -> None:
        async with aclosing(self._events):
            event: AskEvent | None = await anext(self._events)
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            self._open = True
            failure: AskError | None = None
            try:
                while event is not None:
                    await _send_part(send, format_sse_event(event=event.type, data_str=event.model_dump_json()))
                    event = await self._next(send)
            except AskError as error:
                failure = error
            await self._send_end(send, failure)

    async def _send_end(self, send: Send, failure: AskError | None) -> None:
        self._open = False
        if failure is not None:
            problem = json.dumps(failure.problem(self._request_id))
            await _send_part(send, format_sse_event(event="error", data_str=problem))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _next(self, send: Send) -> AskEvent | None:
        """The next event, with heartbeats while it takes its time; None after the last one."""
        coming = asyncio.ensure_future(anext(self._events, None))
        try:
            while not (await asyncio.wait({coming}, timeout=self._heartbeat_s))[0]:
                await _send_part(send, KEEPALIVE_COMMENT)
            return coming.result()
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


async def _send_part(send: Send, part: bytes) -> None:
    await send({"type": "http.response.body", "body": part, "more_body": True})
