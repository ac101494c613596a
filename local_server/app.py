"""The HTTP application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from agent.errors import AskError, InternalError, InvalidRequest, MethodNotAllowed, NotFound
from agent.runtime import Runtime
from agent.telemetry.request_line import log_refusal
from agent.version import VERSION
from local_server.ask import ask_router
from local_server.auth import HEADER, Keys
from local_server.edge import Edge
from local_server.health import health_router
from local_server.problems import Problem, problem_response

_DESCRIPTION = """Answers questions from your own documents, with your own LoRA.

Every answer cites the sentences it was made from, byte for byte; when the documents do not hold the answer, it says so.
Ask in English or in Spanish. Every error is an `application/problem+json` with a `code` and a `request_id`."""

_HTTP_ERRORS: dict[int, type[AskError]] = {404: NotFound, 405: MethodNotAllowed}


def create_app(runtime: Runtime) -> FastAPI:
    """The application around one runtime; it begins to load when the server starts, and serves `/health` meanwhile."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        runtime.keep_loading()
        yield
        runtime.close()

    settings = runtime.settings
    options: dict[str, Any] = {"title": "Askpod", "version": VERSION, "description": _DESCRIPTION, "lifespan": lifespan}
    if settings.docs_enabled:
        # The pages bring their own scripts: nothing is fetched from outside.
        app = FastAPIOffline(docs_url="/docs", redoc_url=None, static_url="/swagger", **options)
    else:
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, **options)
    app.include_router(ask_router(runtime))
    app.include_router(health_router(runtime))
    app.add_exception_handler(AskError, _on_ask_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    # Without keys the server only starts when AUTH_DISABLED=true; see __main__.py.
    app.add_middleware(Edge, keys=Keys(() if settings.auth_disabled else settings.api_keys))
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


async def _on_ask_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AskError)
    return problem_response(error, request.state.caller.request_id)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    fallback = InvalidRequest if error.status_code < 500 else InternalError
    problem = _HTTP_ERRORS.get(error.status_code, fallback)()
    log_refusal(request.state.caller, problem)
    return problem_response(problem, request.state.caller.request_id, dict(error.headers or {}))


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's own description, with the key, the Problem schema, and our 422 instead of FastAPI's."""
    if app.openapi_schema is None:
        schema = FastAPI.openapi(app)
        components = schema.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        schemas["Problem"] = Problem.model_json_schema()
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        components["securitySchemes"] = {"key": {"type": "apiKey", "in": "header", "name": HEADER}}
        schema["paths"]["/v1/ask"]["post"]["security"] = [{"key": []}]
        app.openapi_schema = schema
    return app.openapi_schema
