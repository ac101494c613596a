"""POST /v1/ask: one JSON answer, or the same as server-sent events."""

import time

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from agent.errors import AskError
from agent.schemas import Answer, AskRequest
from agent.telemetry.clock import ms_since
from agent.telemetry.request_line import Caller, log_cancelled, log_refusal
from agent.validation import parse_request
from local_server.answering import Answering
from local_server.disconnect import Disconnected, until_disconnect
from local_server.documentation import ASK_OPERATION, ASK_PATH, ASK_RESPONSES
from local_server.events import answer_stream
from local_server.limits import read_json


def ask_router(runtime: Answering, heartbeat_s: float) -> APIRouter:
    """The route that answers. `heartbeat_s` as `EventStream`."""
    router = APIRouter(tags=["ask"])

    @router.post(
        ASK_PATH, response_model=Answer, responses=ASK_RESPONSES, openapi_extra=ASK_OPERATION, summary="Ask a question"
    )
    async def ask(request: Request) -> Response:
        """Answer from the documents, with citations. `"stream": true` or `Accept: text/event-stream` sends events."""
        caller: Caller = request.state.caller
        question = await _read_question(request, runtime.settings.max_body_bytes, caller)
        if question.stream or "text/event-stream" in request.headers.get("accept", ""):
            return answer_stream(runtime.ask(question, caller), caller.request_id, heartbeat_s)
        answer = await until_disconnect(runtime.answer(question, caller), request.receive)
        # As Stripe says it: nothing was done for this request.
        replayed = {"Idempotent-Replayed": "true"} if answer.request_id != caller.request_id else {}
        return Response(answer.model_dump_json(), headers=replayed, media_type="application/json")

    return router


async def _read_question(request: Request, max_bytes: int, caller: Caller) -> AskRequest:
    """The question in the body; what comes of a body without one is logged here, the rest by the service."""
    started = time.monotonic()
    try:
        return parse_request(await read_json(request, max_bytes))
    except AskError as error:
        log_refusal(caller, error, total_ms=ms_since(started))
        raise
    except Disconnected:
        log_cancelled(caller, total_ms=ms_since(started))
        raise
