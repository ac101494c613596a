"""The HTTP application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from agent.chat import failure_of
from agent.errors import AskError, InternalError, InvalidRequest, MethodNotAllowed, NotFound, QuotaExceeded, Unavailable
from agent.settings import Settings
from agent.telemetry.request_line import log_refusal
from agent.version import VERSION
from local_server.answering import Answering
from local_server.ask import ask_router
from local_server.attempts import Attempts
from local_server.auth import Keys
from local_server.documentation import DESCRIPTION, openapi
from local_server.edge import DOCS, Edge
from local_server.events import HEARTBEAT_S
from local_server.health import health_router
from local_server.metrics import metrics_router
from local_server.openai import openai_router
from local_server.platform.client_routes import client_router
from local_server.platform.errors import PlatformError
from local_server.platform.fault_routes import fault_router
from local_server.platform.platform import Platform
from local_server.platform.replies import reply
from local_server.platform.worker_routes import worker_router
from local_server.problems import OPENAI, problem_response
from local_server.web.page import page_router

_HTTP_ERRORS: dict[int, type[AskError]] = {404: NotFound, 405: MethodNotAllowed}
_OPENAI_ERRORS: dict[int, type[AskError]] = {404: NotFound, 429: QuotaExceeded, 503: Unavailable}


def create_app(
    runtime: Answering, platform: Platform | None, keys: Keys | None, heartbeat_s: float = HEARTBEAT_S
) -> FastAPI:  # fmt: skip
    """The application around one runtime; it begins to load when the server starts, and serves `/health` meanwhile.

    Args:
        runtime: what answers.
        platform: what is under /v2; None is nothing.
        keys: who may ask; None lets anybody.
        heartbeat_s: as `EventStream`.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        runtime.keep_loading()
        try:
            yield
        finally:
            runtime.close()

    settings = runtime.settings
    app = _fastapi(lifespan=lifespan, docs_enabled=settings.docs_enabled)
    app.include_router(ask_router(runtime, heartbeat_s))
    app.include_router(openai_router(runtime, heartbeat_s))
    app.include_router(health_router(runtime))
    app.include_router(metrics_router(runtime))
    if platform is not None:
        _include_platform(app, platform)
    if settings.page_enabled:
        app.include_router(_page(settings, keys, platform))
    app.add_exception_handler(AskError, _on_ask_error)
    app.add_exception_handler(PlatformError, _on_platform_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    attempts = Attempts(settings.auth_failures_per_minute)
    worker_keys = platform.worker_keys if platform is not None else Keys([])
    app.add_middleware(Edge, keys=keys, worker_keys=worker_keys, attempts=attempts)
    app.openapi = lambda: openapi(app)  # type: ignore[method-assign]
    return app


def _include_platform(app: FastAPI, platform: Platform) -> None:
    app.include_router(client_router(platform.endpoint))
    app.include_router(worker_router(platform.endpoint, platform.faults))
    if platform.endpoint.settings.faults:
        app.include_router(fault_router(platform.faults, platform.endpoint, platform.fleet))


def _page(settings: Settings, keys: Keys | None, platform: Platform | None) -> APIRouter:
    endpoint = None if platform is None else platform.endpoint.settings
    return page_router(
        with_key=keys is not None,
        endpoint_id=None if endpoint is None else endpoint.endpoint_id,
        of_events=settings.handler_mode == "stream",
        with_workers=endpoint is not None and endpoint.has_workers,
    )


def _fastapi(*, docs_enabled: bool, **options: Any) -> FastAPI:  # noqa: ANN401 - FastAPI's options
    options |= {
        "title": "Askpod",
        "version": VERSION,
        "description": DESCRIPTION,
        # A redirect would repeat whatever the Host header says.
        "redirect_slashes": False,
        # Nothing is sent anywhere because of a variable that is not one of our settings.
        "telemetry": {"auto_configure": False},
    }
    if docs_enabled:
        # The pages bring their own scripts: nothing is fetched from outside.
        return FastAPIOffline(docs_url=DOCS, redoc_url=None, static_url="/swagger", **options)
    return FastAPI(docs_url=None, redoc_url=None, openapi_url=None, **options)


async def _on_ask_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AskError)
    return problem_response(request.url.path, error, request.state.caller.request_id)


async def _on_platform_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PlatformError)
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    if OPENAI in request.url.path:
        kind = _OPENAI_ERRORS.get(error.status, InvalidRequest)
        return reply(failure_of(kind(str(error))), error.status, headers)
    return reply(error.body(), error.status, headers)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    fallback = InvalidRequest if error.status_code < 500 else InternalError
    problem = _HTTP_ERRORS.get(error.status_code, fallback)()
    log_refusal(request.state.caller, problem)
    return problem_response(request.url.path, problem, request.state.caller.request_id, dict(error.headers or {}))
