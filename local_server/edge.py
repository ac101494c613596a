"""The outermost layer: who asks, with which key, and what they see when something fails."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.chat import CHAT, MODELS
from agent.errors import AskError, InternalError, InvalidRequest, Unauthorized, Unavailable
from agent.telemetry import signals
from agent.telemetry.logs import get_logger
from agent.telemetry.request_line import Caller, log_refusal, request_id_from
from agent.telemetry.tracing import Span, span
from local_server.attempts import Attempts
from local_server.auth import AUTHORIZATION, HEADER, Keys
from local_server.disconnect import Disconnected
from local_server.documentation import ASK_PATH
from local_server.keys import Key
from local_server.metrics import PATH as METRICS
from local_server.problems import problem_response
from local_server.web.page import PAGE, PARTS

IDEMPOTENCY_KEY = "Idempotency-Key"
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")
DOCS = "/docs"
# What is no page is none for a browser either, and nothing is shown within somebody else's
# (https://www.w3.org/TR/CSP3/).
API_POLICY = "default-src 'none'; frame-ancestors 'none'"
# Swagger's page has a script and styles of its own in its text. What an operation answers it shows as text.
DOCS_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_OPEN = ("/health", DOCS, "/openapi.json", "/swagger", PARTS)
# What the platform's workers call.
_OF_WORKERS = re.compile(r"/v2/[^/]*/(job-[a-z-]+|ping)/.*", re.DOTALL)


class Edge:
    """ASGI middleware around everything: request id, key, headers, and the one broad `except` of this transport.

    Args:
        app: the application.
        keys: who may ask; None lets anybody.
        worker_keys: who may take jobs.
        attempts: counts wrong keys.
    """

    def __init__(self, app: ASGIApp, keys: Keys | None, worker_keys: Keys, attempts: Attempts) -> None:
        self._app = app
        self._keys = keys
        self._worker_keys = worker_keys
        self._attempts = attempts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, request_id = scope["path"], request_id_from(Headers(scope=scope).get("x-request-id"))
        caller = Caller(request_id=request_id, transport="http")
        reply = _Reply(send, request_id, path)
        try:
            caller = self._identify(scope, caller)
            scope.setdefault("state", {})["caller"] = caller
            with self._traced(scope) as served:
                await self._app(scope, receive, reply)
                served.set({signals.STATUS: reply.status})
        except AskError as error:
            await problem_response(path, error, request_id)(scope, receive, reply)
        except Disconnected:
            pass
        except asyncio.CancelledError:
            # The server stops and this request has outlasted its grace; the task ends here, so nothing swallows it.
            if not reply.started:
                await problem_response(path, Unavailable(), request_id)(scope, receive, reply)
        except Exception as error:  # the edge of this transport: nothing of Python may reach a caller
            get_logger().exception("http.crashed", request_id=request_id)
            internal = InternalError(detail=repr(error))
            log_refusal(caller, internal)
            if not reply.started:
                await problem_response(path, internal, request_id)(scope, receive, reply)

    @contextmanager
    def _traced(self, scope: Scope) -> Iterator[Span]:
        """Questions have a span, whose parent is the caller's."""
        path: str = scope["path"]
        if not path.startswith("/v1/"):
            yield Span()
            return
        method, parent = scope["method"], Headers(scope=scope).get("traceparent")
        # A path that nobody serves is no name of a span: there is no end of them.
        route = path if path in (ASK_PATH, CHAT, MODELS) else "/v1/*"
        with span(
            f"{method} {route}", {signals.METHOD: method, signals.ROUTE: route}, kind="server", parent=parent
        ) as served:  # fmt: skip
            yield served

    def _identify(self, scope: Scope, caller: Caller) -> Caller:
        path: str = scope["path"]
        keys = self._worker_keys if _OF_WORKERS.fullmatch(path) else self._keys
        if path == PAGE or any(path == prefix or path.startswith(f"{prefix}/") for prefix in _OPEN):
            return caller
        try:
            if keys is not None:
                key = self._key(scope, keys)
                caller = replace(caller, key_id=key.id, quota=key.quota)
            return replace(caller, idempotency_key=_idempotency_key(scope, caller.key_id))
        except AskError as error:
            log_refusal(caller, error)
            raise

    def _key(self, scope: Scope, keys: Keys) -> Key:
        path: str = scope["path"]
        try:
            # The platform knows no other header; who used one here would be refused there.
            headers = (AUTHORIZATION,) if path.startswith("/v2/") else (HEADER, AUTHORIZATION)
            return keys.find(scope, "admin" if path == METRICS else "ask", headers)
        except Unauthorized:
            if client := scope.get("client"):
                self._attempts.failed(client[0])
            raise


def _idempotency_key(scope: Scope, key_id: str | None) -> str | None:
    """The caller's `Idempotency-Key`, apart from those of other keys (draft-ietf-httpapi-idempotency-key-header).

    Raises:
        InvalidRequest: it is empty, too long, or has other than visible ASCII characters in it.
    """
    given = Headers(scope=scope).get(IDEMPOTENCY_KEY)
    if given is None:
        return None
    if not _IDEMPOTENCY_KEY.fullmatch(given):
        raise InvalidRequest("'Idempotency-Key' must be 1 to 255 visible ASCII characters.", param=IDEMPOTENCY_KEY)
    return f"http:{key_id or ''}:{given}"


class _Reply:
    """`send`, with the headers of every response, and whether one has begun."""

    def __init__(self, send: Send, request_id: str, path: str) -> None:
        self.started = False
        self.status: int | None = None
        self._send = send
        self._request_id = request_id
        self._private = path.startswith(("/v1/", "/v2/"))
        self._documents = path == DOCS

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self._request_id
            headers["X-Content-Type-Options"] = "nosniff"
            # The ask page and the API's documentation have policies of their own.
            headers.setdefault("Content-Security-Policy", DOCS_POLICY if self._documents else API_POLICY)
            if self._private:
                headers["Cache-Control"] = "no-store"
        await self._send(message)
