"""POST /v1/ask: one JSON answer, or the same as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from agent import errors
from agent.errors import AskError
from agent.runtime import Runtime
from agent.schemas import Answer, AskEvent, AskRequest
from agent.telemetry.request_line import Caller, log_refusal
from agent.validation import parse_request
from local_server.disconnect import until_disconnect
from local_server.limits import read_json
from local_server.problems import documented

HEARTBEAT_S = 15.0

EXAMPLES = {
    "english": {"summary": "English", "value": {"question": "Which header carries the API key?"}},
    "spanish": {"summary": "Español", "value": {"question": "¿Qué cabecera lleva la clave de la API?"}},
    "follow-up": {
        "summary": "A follow-up, streamed",
        "value": {
            "question": "And how do I change it?",
            "history": [{"role": "user", "content": "Which port does the server use?"}],
            "stream": True,
        },
    },
}
# The body is read by hand, to answer what is wrong with it in our own words; OpenAPI learns about it here.
_OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": AskRequest.model_json_schema(), "examples": EXAMPLES}},
    },
}
_ERRORS = documented(
    errors.MalformedBody,
    errors.Unauthorized,
    errors.PayloadTooLarge,
    errors.UnsupportedMediaType,
    errors.InvalidRequest,
    errors.UnknownAdapter,
    errors.UnknownFilter,
    errors.InternalError,
    errors.ModelUnavailable,
    errors.Overloaded,
    errors.DeadlineExceeded,
)


def ask_router(runtime: Runtime) -> APIRouter:
    """The route that answers."""
    router = APIRouter(tags=["ask"])

    @router.post("/v1/ask", response_model=Answer, responses=_ERRORS, openapi_extra=_OPENAPI, summary="Ask a question")
    async def ask(request: Request) -> Response:
        """Answer from the documents, with citations. `"stream": true` or `Accept: text/event-stream` sends events."""
        caller: Caller = request.state.caller
        question = await _parse(request, runtime, caller)
        if question.stream or "text/event-stream" in request.headers.get("accept", ""):
            return await _stream(runtime, question, caller)
        answer = await until_disconnect(runtime.answer(question, caller), request.receive)
        return Response(answer.model_dump_json(), media_type="application/json")

    return router


async def _parse(request: Request, runtime: Runtime, caller: Caller) -> AskRequest:
    try:
        return parse_request(await read_json(request, runtime.settings.max_body_bytes))
    except AskError as error:
        log_refusal(caller, error)
        raise


async def _stream(runtime: Runtime, question: AskRequest, caller: Caller) -> Response:
    events = runtime.ask(question, caller)
    # An error before the first event is an ordinary response with its own status.
    first = await anext(events)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_sse(first, events, caller), media_type="text/event-stream", headers=headers)


async def _sse(first: AskEvent, events: AsyncIterator[AskEvent], caller: Caller) -> AsyncIterator[str]:
    yield _event(first.type, first.model_dump_json())
    pending = asyncio.ensure_future(anext(events, None))
    try:
        while True:
            done, _ = await asyncio.wait({pending}, timeout=HEARTBEAT_S)
            if not done:
                yield ": heartbeat\n\n"
                continue
            event = pending.result()
            if event is None:
                return
            yield _event(event.type, event.model_dump_json())
            pending = asyncio.ensure_future(anext(events, None))
    except AskError as error:
        yield _event("error", json.dumps(error.problem(caller.request_id), ensure_ascii=False))
    finally:
        # The caller may have left in the middle: the generation stops with the iterator.
        pending.cancel()
        await asyncio.gather(pending, return_exceptions=True)
        await events.aclose()  # type: ignore[attr-defined]


def _event(name: str, data: str) -> str:
    """One server-sent event; JSON has no raw line break, so one data line holds it (WHATWG HTML, 9.2)."""
    return f"event: {name}\ndata: {data}\n\n"
