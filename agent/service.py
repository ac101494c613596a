"""AskService: what every transport calls. It admits, keeps the deadline and writes the request's one log line."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack

import structlog

from agent.admission import Admission
from agent.answering.pipeline import MultiAgent
from agent.errors import AskError, DeadlineExceeded, InternalError
from agent.events import Emit, events_of, ignore
from agent.idempotency import Idempotency
from agent.quotas import Quotas
from agent.schemas import Answer, AskEvent, AskRequest
from agent.settings import Settings
from agent.telemetry import signals
from agent.telemetry.clock import ms_since
from agent.telemetry.logs import get_logger
from agent.telemetry.request_line import Caller, log_answer, log_cancelled, log_refusal, outcome_of
from agent.telemetry.tracing import Span, span


class AskService:
    """Answers questions, a bounded number at once.

    Args:
        agent: the agents, loaded.
        settings: deadline, places, answers that are kept, and whether content is logged.
    """

    def __init__(self, agent: MultiAgent, settings: Settings) -> None:
        self._agent = agent
        self._settings = settings
        self.admission = Admission(agent.capacity + settings.max_queue, agent.usual_tokens)
        self._quotas = Quotas()
        self._idempotency = Idempotency(settings.keep_answers, settings.keep_answers_s)
        self._answered_before = False

    def ask(self, request: AskRequest, caller: Caller) -> AsyncIterator[AskEvent]:
        """The question's events, the whole answer last. Closing the iterator stops the work within a token.

        Raises:
            AskError: as `answer`.
        """
        return events_of(lambda emit: self.answer(request, caller, emit))

    async def answer(self, request: AskRequest, caller: Caller, emit: Emit = ignore) -> Answer:
        """The whole answer; `emit` gets what happens on the way, but for an answer that was begun for another caller.

        Raises:
            Overloaded: too many questions are being answered or wait; nothing was done.
            QuotaExceeded: the caller's key has asked for too much; nothing was done.
            IdempotencyConflict: another question came under the same key.
            DeadlineExceeded: the deadline passed; the generation was stopped.
            AskError: whatever else a caller may see. Anything unforeseen becomes `InternalError`.
        """
        started = time.monotonic()
        with structlog.contextvars.bound_contextvars(request_id=caller.request_id):
            named = {signals.REQUEST_ID: caller.request_id, signals.INVOCATION: caller.job_id}
            # The lines are written within it, so that they name the trace.
            with span(signals.WORKFLOW, named, parent=caller.traceparent) as workflow:
                try:
                    answer, replayed = await self._answer(request, caller, emit, workflow)
                except AskError as error:
                    log_refusal(caller, error, total_ms=ms_since(started))
                    raise
                except asyncio.CancelledError:
                    log_cancelled(caller, total_ms=ms_since(started))
                    raise
                log_answer(caller, request, answer, replayed=replayed, log_content=self._settings.log_content)
                return answer

    async def _answer(self, request: AskRequest, caller: Caller, emit: Emit, workflow: Span) -> tuple[Answer, bool]:
        """The answer, and whether it is a replay."""
        timeout_s = timeout_of(request, caller, self._settings)
        workflow.set({signals.TIMEOUT_S: timeout_s})
        deadline = time.monotonic() + timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                answer, replayed = await self._idempotency.answer(
                    caller.idempotency_key, request, lambda: self._admitted(request, caller, emit, deadline)
                )
                workflow.set(
                    {
                        signals.OUTCOME: outcome_of(answer),
                        signals.REPLAYED: replayed,
                        signals.FIRST: answer.cold_start and not replayed,
                    }
                )
                return answer, replayed
        except TimeoutError as error:
            raise DeadlineExceeded from error

    async def _admitted(self, request: AskRequest, caller: Caller, emit: Emit, deadline: float) -> Answer:
        with ExitStack() as place:
            with span(signals.ADMISSION, {signals.RUNNING: self.admission.running}):
                place.enter_context(self._quotas.question(caller.key_id, caller.quota))
                place.enter_context(self.admission.place(request))
            return await self._run(request, caller, emit, deadline)

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


def timeout_of(request: AskRequest, caller: Caller, settings: Settings) -> float:
    """Seconds that a question may take: the least of what the request, its key and who brought it allow."""
    given = (request.timeout_s or settings.request_timeout_s, caller.quota.timeout_s, caller.timeout_s)
    return min(seconds for seconds in given if seconds)
