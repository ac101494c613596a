"""OpenAI's door: /v1/chat/completions and /v1/models, for clients that know no other."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agent.chat import CHAT, MODELS, completion_of, failure_event, question_of, stream_of
from agent.errors import AskError
from agent.schemas import AskRequest
from agent.telemetry.request_line import Caller, log_refusal
from local_server.answering import Answering
from local_server.disconnect import until_disconnect
from local_server.events import EventStream
from local_server.limits import read_json


def openai_router(runtime: Answering, heartbeat_s: float) -> APIRouter:
    """Both routes. `heartbeat_s` as `EventStream`."""
    router = APIRouter(tags=["OpenAI"], include_in_schema=False)

    @router.get(MODELS)
    async def models() -> Response:
        """The default, the base model and the adapters."""
        return JSONResponse((await runtime.models()).body())

    @router.post(CHAT)
    async def chat(request: Request) -> Response:
        """The last message is the question."""
        caller: Caller = request.state.caller
        body: Any = await read_json(request, runtime.settings.max_body_bytes)
        question = await _question(body, runtime, caller)
        if body.get("stream") is True:
            return EventStream(_encoded(stream_of(body, caller.request_id, runtime.answer(question, caller))), _end,
                               heartbeat_s)  # fmt: skip
        answer = await until_disconnect(runtime.answer(question, caller), request.receive)
        return JSONResponse(completion_of(body, answer))

    return router


async def _question(body: object, runtime: Answering, caller: Caller) -> AskRequest:
    try:
        return question_of(body, await runtime.models())
    except AskError as error:
        log_refusal(caller, error)
        raise


async def _encoded(pieces: AsyncGenerator[str, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        async for piece in pieces:
            yield piece.encode()


def _end(failure: AskError | None) -> bytes:
    return b"" if failure is None else failure_event(failure).encode()
