"""Answers through the queue: what `/v1/ask` has where worker processes have the model."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from pydantic import TypeAdapter, ValidationError

from agent.chat import MODELS, Models
from agent.errors import AskError, DeadlineExceeded, GenerationFailed, InternalError, Unavailable, error_of
from agent.schemas import Answer, AskEvent, AskRequest, FinalEvent, closing_events
from agent.settings import Settings
from agent.telemetry.logs import get_logger
from agent.telemetry.request_line import Caller
from agent.version import VERSIONS
from local_server.platform.endpoint import Endpoint
from local_server.platform.errors import Stopping
from local_server.platform.job import Job, State
from local_server.platform.policy import Policy
from local_server.platform.queue import STOPPED

_EVENT: TypeAdapter[AskEvent] = TypeAdapter(AskEvent)
# Workers keep a question's deadline themselves; this much later they are not waited for.
_MARGIN_S = 5.0


class RemoteRuntime:
    """As `agent.runtime.Runtime`, for an endpoint whose workers are processes of their own."""

    def __init__(self, settings: Settings, endpoint: Endpoint) -> None:
        self.settings = settings
        self._endpoint = endpoint
        self._models: Models | None = None

    @property
    def ready(self) -> bool:
        """Whether a question would be answered: a worker is there, or would be started."""
        counts = self._endpoint.workers.counts()
        return counts["idle"] + counts["running"] > 0 or self._endpoint.settings.min_workers == 0

    def health(self) -> dict[str, Any]:
        """What `GET /health` shows."""
        return {
            "state": "ready" if self.ready else "starting",
            "ready": self.ready,
            "versions": VERSIONS,
            **self._endpoint.health(),
        }

    def keep_loading(self) -> None:
        """Nothing is loaded here."""

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

    async def answer(self, request: AskRequest, caller: Caller) -> Answer:
        """The whole answer.

        Raises:
            AskError: as `agent.service.AskService.answer`.
        """
        answer = None
        # To its end: a job whose reader leaves before that is cancelled.
        async with aclosing(self.ask(request, caller)) as events:
            async for event in events:
                answer = event.answer if isinstance(event, FinalEvent) else answer
        if answer is None:
            raise InternalError(detail="a job ended without an answer")
        return answer

    async def ask(self, request: AskRequest, caller: Caller) -> AsyncGenerator[AskEvent, None]:
        """The question's events, the whole answer last. Closing the iterator cancels the job.

        Raises:
            AskError: as `answer`.
        """
        queue = self._endpoint.queue
        timeout_s = (request.timeout_s or self.settings.request_timeout_s) + _MARGIN_S
        job = self._submit(request.model_dump(mode="json", exclude_unset=True, exclude={"stream"}), timeout_s)
        get_logger().info("ask.queued", request_id=caller.request_id, key_id=caller.key_id, job_id=job.id)
        try:
            final, said, delivery = False, False, 0
            while not (job.has_ended and not job.chunks):
                for chunk in await job.fetch(timeout_s):
                    if said and job.taken != delivery:
                        raise GenerationFailed(detail="its worker was lost in the middle of the answer")
                    said, delivery = True, job.taken
                    event = _EVENT.validate_python(chunk.get("output"))
                    final = final or isinstance(event, FinalEvent)
                    yield _named(event, caller)
            if not final:
                for event in closing_events(_answer_of(job)):
                    yield _named(event, caller)
        except ValidationError as error:
            raise InternalError(detail=repr(error)) from error
        finally:
            queue.leave(job)

    def _submit(self, question: dict[str, Any], timeout_s: float) -> Job:
        try:
            return self._endpoint.queue.submit({"input": question}, Policy(ttl_s=timeout_s), sync=True)
        except Stopping as error:
            raise Unavailable from error


def _named(event: AskEvent, caller: Caller) -> AskEvent:
    """With the id of the caller's request, not of the job."""
    if isinstance(event, FinalEvent):
        return FinalEvent(answer=event.answer.model_copy(update={"request_id": caller.request_id}))
    return event


def _answer_of(job: Job) -> Answer:
    if job.state is State.COMPLETED:
        return Answer.model_validate(job.output)
    raise _error_of(job)


def _error_of(job: Job) -> AskError:
    if job.error == STOPPED:
        return Unavailable()
    if job.state is State.TIMED_OUT:
        return DeadlineExceeded()
    try:
        return error_of(json.loads(job.error or ""))
    except ValueError:
        return InternalError(detail=job.error or job.state.value)
