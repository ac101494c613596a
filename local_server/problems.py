"""Errors over HTTP: `application/problem+json` (RFC 9457)."""

import json
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import Response

from agent.errors import AskError

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """The body of every error."""

    type: str = Field(examples=["urn:askpod:error:invalid_request"])
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(description="A sentence for people.", examples=["'question' is missing."])
    instance: str = Field(examples=["urn:askpod:request:7f3c"])
    code: str = Field(description="For programs; it never changes.", examples=["invalid_request"])
    request_id: str = Field(examples=["7f3c"])
    retryable: bool = Field(description="Whether asking again can help.")
    param: str | None = Field(default=None, description="The field that is wrong.", examples=["question"])
    reason: str | None = Field(default=None, description="Why the service is not ready.")
    retry_after_s: int | None = Field(default=None, description="Seconds to wait before asking again.")


def problem_response(error: AskError, request_id: str, headers: dict[str, str] | None = None) -> Response:
    """The response for an error, with `Retry-After` where waiting can help."""
    extra = dict(headers or {})
    if error.retry_after_s is not None:
        extra["Retry-After"] = str(error.retry_after_s)
    if error.status == HTTPStatus.UNAUTHORIZED:
        extra["WWW-Authenticate"] = 'ApiKey header="X-API-KEY"'
    body = json.dumps(error.problem(request_id), ensure_ascii=False)
    return Response(body, status_code=error.status, headers=extra, media_type=MEDIA_TYPE)


def documented(*errors: type[AskError]) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for OpenAPI."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        codes = by_status.get(error.status, {}).get("description")
        by_status[error.status] = {
            "description": f"{codes}, `{error.code}`" if codes else f"`{error.code}`",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return by_status
