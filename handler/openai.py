"""OpenAI's protocol as jobs: `{"openai_route": "/v1/chat/completions", "openai_input": {...}}`.

The platform answers such a job with what the worker gives, and with status 200 whatever that is (worker-vllm issue 57).
An error is therefore text: the SDK would take an object with an `error` for a failed job, and write it as Python does.
"""

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from agent.chat import CHAT, MODELS, completion_of, failure_event, failure_of, question_of, stream_of
from agent.errors import AskError, NotFound
from agent.runtime import Runtime
from agent.schemas import AskRequest
from agent.telemetry.request_line import Caller, log_refusal


@dataclass(frozen=True, slots=True)
class ChatJob:
    """What such a job asks for."""

    route: object
    body: Any

    @classmethod
    def of(cls, job: object) -> "ChatJob | None":
        """None for any other job."""
        given = job.get("input") if isinstance(job, dict) else None
        if not isinstance(given, dict) or "openai_route" not in given:
            return None
        # Absent for GET requests.
        return cls(given["openai_route"], given.get("openai_input") or {})

    @property
    def streams(self) -> bool:
        """Whether server-sent events are wanted."""
        return self.route == CHAT and isinstance(self.body, dict) and self.body.get("stream") is True

    def failure(self, error: AskError) -> str:
        """What the caller gets instead."""
        return failure_event(error) if self.streams else json.dumps(failure_of(error), ensure_ascii=False)

    async def answer(self, caller: Caller, runtime: Runtime) -> Any:  # noqa: ANN401 - any JSON value
        """The whole response: an object, or text where it is a stream.

        Raises:
            AskError: as `agent.service.AskService.answer`, or there is no such route.
        """
        pieces = [piece async for piece in self.pieces(caller, runtime)]
        return "".join(pieces) if self.streams else pieces[0]

    async def pieces(self, caller: Caller, runtime: Runtime) -> AsyncGenerator[Any, None]:
        """The response in pieces: server-sent events as text; one object where no stream is wanted.

        Raises:
            AskError: as `answer`.
        """
        if self.route == MODELS:
            yield (await runtime.models()).body()
            return
        question = await self._question(caller, runtime)
        if self.streams:
            async for piece in stream_of(self.body, caller.request_id, runtime.answer(question, caller)):
                yield piece
        else:
            yield completion_of(self.body, await runtime.answer(question, caller))

    async def _question(self, caller: Caller, runtime: Runtime) -> AskRequest:
        try:
            if self.route != CHAT:
                raise NotFound("There is no such route of OpenAI's here.", param="openai_route")
            return question_of(self.body, await runtime.models())
        except AskError as error:
            log_refusal(caller, error)
            raise
