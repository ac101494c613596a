"""AskService: what every transport calls. It admits, keeps the deadline and writes the request's one log line."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import structlog

from agent.errors import AskError, DeadlineExceeded, InternalError, Overloaded
from agent.multi_agent import MultiAgent
from agent.schemas import Answer, AskEvent, AskRequest, closing_events
from agent.settings import Settings
from agent.telemetry.clock import ms_since
from agent.telemetry.logs import get_logger
from agent.telemetry.request_line import Caller, log_answer, log_cancelled, log_refusal

Emit = Callable[[AskEvent], None]


class AskService:
    """Answers questions, a bounded number at once.

    Args:
        agent: the agents, loaded.
        settings: deadline, queue bound and whether content is logged.
    """

    def __init__(self, agent: MultiAgent, settings: Settings) -> None:
        self._agent = agent
        self._settings = settings
        self._admitted = 0
        self._limit = agent.capacity + settings.max_queue
        self._answered_before = False

    async def ask(self, request: AskRequest, caller: Caller) -> AsyncIterator[AskEvent]:
        """The question's events, the whole answer last. Closing the iterator stops the work within a token.

        Raises:
            AskError: as `answer`.
        """
        events: asyncio.Queue[AskEvent] = asyncio.Queue()
        work = asyncio.create_task(self.answer(request, caller, events.put_nowait))
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

    async def answer(self, request: AskRequest, caller: Caller, emit: Emit = lambda _event: None) -> Answer:
        """The whole answer; `emit` gets what happens on the way.

        Raises:
            Overloaded: too many questions are being answered or wait; nothing was done.
            DeadlineExceeded: the deadline passed; the generation was stopped.
            AskError: whatever else a caller may see. Anything unforeseen becomes `InternalError`.
        """
        started = time.monotonic()
        with structlog.contextvars.bound_contextvars(request_id=caller.request_id):
            try:
                answer = await self._admit(request, caller, emit)
            except AskError as error:
                log_refusal(caller, error, total_ms=ms_since(started))
                raise
            except asyncio.CancelledError:
                log_cancelled(caller, total_ms=ms_since(started))
                raise
            log_answer(caller, request, answer, log_content=self._settings.log_content)
            return answer

    async def _admit(self, request: AskRequest, caller: Caller, emit: Emit) -> Answer:
        if self._admitted >= self._limit:
            raise Overloaded
        self._admitted += 1
        timeout_s = request.timeout_s or self._settings.request_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                return await self._run(request, caller, emit, time.monotonic() + timeout_s)
        except TimeoutError as error:
            raise DeadlineExceeded from error
        finally:
            self._admitted -= 1

    async def _run(self, request: AskRequest, caller: Caller, emit: Emit, deadline: float) -> Answer:
        salt = (caller.key_id or "").encode() if self._settings.cache_per_key else b""
        cold_start = not self._answered_before
        self._answered_before = True
        try:
            return await self._agent.answer(
                request, caller.request_id, emit, cold_start=cold_start, salt=salt, deadline=deadline
            )
        except AskError:
            raise
        except Exception as error:  # the one edge below both transports: nothing of Python may reach a caller
            get_logger().exception("ask.crashed", request_id=caller.request_id)
            raise InternalError(detail=repr(error)) from error
