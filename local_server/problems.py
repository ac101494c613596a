"""Errors over HTTP: `application/problem+json` (RFC 9457)."""

import json
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import Response

from agent.chat import CHAT, MODELS, failure_of
from agent.errors import AskError
from local_server.auth import HEADER

MEDIA_TYPE = "application/problem+json"
# In the path of the platform's routes for OpenAI's clients.
OPENAI = "/openai/v1/"
_EXAMPLE_ID = "7f3c9d"


class Problem(BaseModel):
    """The body of every error."""

    type: str = Field(examples=["urn:askpod:error:invalid_request"])
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(description="A sentence for people.", examples=["'question' is missing."])
    instance: str = Field(examples=[f"urn:askpod:request:{_EXAMPLE_ID}"])
    code: str = Field(description="For programs; it never changes.", examples=["invalid_request"])
    request_id: str = Field(examples=[_EXAMPLE_ID])
    retryable: bool = Field(description="Whether asking again can help.")
    param: str | None = Field(default=None, description="The field that is wrong.", examples=["question"])
    reason: str | None = Field(default=None, description="Why the service is not ready.")
    retry_after_s: int | None = Field(default=None, description="Seconds to wait before asking again.")


def problem_response(
    path: str, error: AskError, request_id: str, headers: dict[str, str] | None = None
) -> Response:  # fmt: skip
    """The response for an error, with `Retry-After` where waiting can help.

    Below /v2 it looks as clients of the platform know it, and behind OpenAI's door as theirs do.
    """
    extra = dict(headers or {})
    if error.retry_after_s is not None:
        extra["Retry-After"] = str(error.retry_after_s)
    if error.status == HTTPStatus.UNAUTHORIZED:
        extra["WWW-Authenticate"] = f'ApiKey header="{HEADER}"'
    if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        # The rest of the body is not read, however long it goes on.
        extra["Connection"] = "close"
    media_type, body = "application/json", error.problem(request_id)
    if path in (CHAT, MODELS) or OPENAI in path:
        body = failure_of(error)
    elif path.startswith("/v2/"):
        body = {"error": error.message}
    else:
        media_type = MEDIA_TYPE
    # Escaped to ASCII: a field name of the caller's may hold half a surrogate pair, which has no UTF-8.
    return Response(json.dumps(body), error.status, extra, media_type=media_type)


def documented(*errors: type[AskError]) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, by status, for OpenAPI."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for error in sorted(errors, key=lambda error: (error.status, error.code)):
        entry = by_status.setdefault(error.status, _document())
        entry["description"] = ", ".join(filter(None, (entry["description"], f"`{error.code}`")))
        entry["content"][MEDIA_TYPE]["examples"][error.code] = {
            "summary": error.code,
            "value": error().problem(_EXAMPLE_ID),
        }
    return by_status


def _document() -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {"description": "", "content": {MEDIA_TYPE: {"schema": schema, "examples": {}}}}
