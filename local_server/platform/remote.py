"""Answers through the queue: what `/v1/ask` has where worker processes have the model."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from prometheus_client.metrics_core import Metric
from pydantic import TypeAdapter, ValidationError

from agent.chat import MODELS, Models
from agent.errors import (
    AskError,
    DeadlineExceeded,
    Draining,
    GenerationFailed,
    IdempotencyConflict,
    InternalError,
    QuotaExceeded,
    Unavailable,
    error_of,
)
from agent.events import Emit, events_of, ignore
from agent.idempotency import Idempotency
from agent.quotas import Quotas
from agent.runtime import State
from agent.schemas import Answer, AskEvent, AskRequest, CitationEvent, FinalEvent, VerificationEvent
from agent.service import timeout_of
from agent.settings import Settings
from agent.telemetry.logs import get_logger
from agent.telemetry.metrics import counter, gauge
from agent.telemetry.request_line import Caller, count_answer, log_refusal
from agent.telemetry.tracing import traceparent
from agent.version import VERSIONS
from local_server.platform.endpoint import Endpoint
from local_server.platform.errors import Stopping
from local_server.platform.job import Job
from local_server.platform.job import State as JobState
from local_server.platform.policy import Policy
from local_server.platform.queue import STOPPED

# They are made from the answer anew, under this request's id.
_CLOSING = (CitationEvent, VerificationEvent)
_EVENT: TypeAdapter[AskEvent] = TypeAdapter(AskEvent)
# Workers keep a question's deadline themselves; this much later they are not waited for.
_MARGIN_S = 5.0
_MOMENT_S = 1.0


class RemoteRuntime:
    """As `agent.runtime.Runtime`, for an endpoint whose workers are processes of their own."""

    def __init__(self, settings: Settings, endpoint: Endpoint) -> None:
        self.settings = settings
        self._endpoint = endpoint
        self._models: Models | None = None
        self._quotas = Quotas()
        self._idempotency = Idempotency(settings.keep_answers, settings.keep_answers_s)
        self._draining = False
        self._was_ready = False

    @property
    def ready(self) -> bool:
        """Whether a question would be answered: a worker is there, or would be started."""
        ready = not self._draining and self._has_worker()
        self._was_ready = self._was_ready or ready
        return ready

    @property
    def started(self) -> bool:
        """Whether it was ready once."""
        return self.ready or self._was_ready

    @property
    def running(self) -> int:
        """Questions are jobs, and the platform waits for those."""
        return 0

    def _has_worker(self) -> bool:
        counts = self._endpoint.workers.counts()
        return counts["idle"] + counts["running"] > 0 or self._endpoint.settings.min_workers == 0

    def gauges(self) -> Iterator[Metric]:
        """What the metrics say of the moment: of jobs and workers."""
        yield gauge("ready", "1 when a question would be answered", float(self.ready))
        told = self._endpoint.health()
        yield gauge("workers", "Workers by what they do", told["workers"], "state")
        yield gauge("jobs", "Jobs that wait and run", {k: told["jobs"][k] for k in ("inQueue", "inProgress")}, "state")
        ended = {k: told["jobs"][k] for k in ("completed", "failed", "retried")}
        yield counter("jobs_ended", "Jobs that have ended, or were tried again", ended, "outcome")

    def health(self) -> dict[str, Any]:
        """What `GET /health` shows."""
        return {
            "state": (State.DRAINING if self._draining else State.READY if self.ready else State.STARTING).value,
            "ready": self.ready,
            "versions": VERSIONS,
            **self._endpoint.health(),
        }

    def keep_loading(self) -> None:
        """Nothing is loaded here."""

    def drain(self) -> None:
        """Take no more questions."""
        self._draining = True

    def close(self) -> None:
        """Nothing is open here."""

    async def models(self) -> Models:
        """What can be asked, by name; the workers tell it once.

        Raises:
            AskError: no worker told.
        """
        if self._models is None:
            job = self._submit({"openai_route": MODELS}, self.settings.request_timeout_s)
            try:
                await job.wait(self.settings.request_timeout_s)
                if not job.has_ended:
                    raise DeadlineExceeded
            finally:
                self._endpoint.queue.leave(job)
            output = job.output
            # A worker that streams tells it as the one piece of a list.
            listed = output[0] if isinstance(output, list) and output else output
            try:
                _default, base, *adapters = (one["id"] for one in listed["data"])
            except (TypeError, KeyError, ValueError):
                raise _error_of(job) from None
            self._models = Models(base, adapters)
        return self._models

    async def answer(self, request: AskRequest, caller: Caller, emit: Emit = ignore) -> Answer:
        """The whole answer; `emit` gets what the worker tells on the way. Who leaves cancels the job.

        Raises:
            AskError: as `agent.service.AskService.answer`.
        """
        try:
            if self._draining:
                raise Draining
            with self._quotas.question(caller.key_id, caller.quota):
                answer, replayed = await self._idempotency.answer(
                    caller.idempotency_key, request, lambda: self._queued(request, caller, emit)
                )
                count_answer(caller, answer, replayed=replayed)
                return answer
        except (Draining, QuotaExceeded, IdempotencyConflict) as error:
            # No worker has seen it, so none has logged it.
            log_refusal(caller, error)
            raise

    def ask(self, request: AskRequest, caller: Caller) -> AsyncIterator[AskEvent]:
        """The question's events, the whole answer last. Closing the iterator cancels the job.

        Raises:
            AskError: as `answer`.
        """
        return events_of(lambda emit: self.answer(request, caller, emit))

    async def _queued(self, request: AskRequest, caller: Caller, emit: Emit) -> Answer:
        timeout_s = timeout_of(request, caller, self.settings)
        question = request.model_dump(mode="json", exclude_unset=True, exclude={"stream"}) | {"timeout_s": timeout_s}
        if parent := traceparent():
            question["trace"] = {"traceparent": parent}
        job = self._submit(question, timeout_s + _MARGIN_S)
        get_logger().info("ask.queued", request_id=caller.request_id, key_id=caller.key_id, job_id=job.id)
        try:
            answer, said, delivery = None, False, 0
            while answer is None and not (job.has_ended and not job.chunks):
                for chunk in await job.fetch(timeout_s + _MARGIN_S):
                    if said and job.taken != delivery:
                        raise GenerationFailed(detail="its worker was lost in the middle of the answer")
                    said, delivery = True, job.taken
                    event = _EVENT.validate_python(chunk.get("output"))
                    if isinstance(event, FinalEvent):
                        answer = event.answer
                    elif not isinstance(event, _CLOSING):
                        emit(event)
            if answer is not None:
                # What is left is that the worker says so; who leaves before would cancel a job that is done.
                await job.wait(_MOMENT_S)
            return (answer or _answer_of(job)).model_copy(update={"request_id": caller.request_id})
        except ValidationError as error:
            raise InternalError(detail=repr(error)) from error
        finally:
            self._endpoint.queue.leave(job)

    def _submit(self, question: dict[str, Any], timeout_s: float) -> Job:
        try:
            return self._endpoint.queue.submit({"input": question}, Policy(ttl_s=timeout_s), sync=True)
        except Stopping as error:
            raise Unavailable from error


def _answer_of(job: Job) -> Answer:
    if job.state is JobState.COMPLETED:
        return Answer.model_validate(job.output)
    raise _error_of(job)


def _error_of(job: Job) -> AskError:
    if job.error == STOPPED:
        return Unavailable()
    if job.state is JobState.TIMED_OUT:
        return DeadlineExceeded()
    try:
        return error_of(json.loads(job.error or ""))
    except ValueError:
        return InternalError(detail=job.error or job.state.value)
