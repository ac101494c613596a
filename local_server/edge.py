"""The outermost layer: who asks, with which key, and what they see when something fails."""

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.errors import AskError, InternalError, Unauthorized
from agent.telemetry.logs import get_logger
from agent.telemetry.request_line import Caller, log_refusal, request_id_from
from local_server.auth import Keys
from local_server.disconnect import Disconnected
from local_server.problems import problem_response

_OPEN = ("/health", "/docs", "/openapi.json", "/swagger")


class Edge:
    """ASGI middleware around everything: request id, key, headers, and the one broad `except` of this transport."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_from(Request(scope).headers.get("x-request-id"))
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
                if scope["path"].startswith("/v1/"):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        try:
            scope.setdefault("state", {})["caller"] = self._identify(scope, request_id)
            await self._app(scope, receive, send_with_headers)
        except AskError as error:
            await problem_response(error, request_id)(scope, receive, send_with_headers)
        except Disconnected:
            pass
        except Exception as error:  # the edge of this transport: nothing of Python may reach a caller
            get_logger().exception("http.crashed", request_id=request_id)
            if not started:
                internal = InternalError(detail=repr(error))
                await problem_response(internal, request_id)(scope, receive, send_with_headers)

    def _identify(self, scope: Scope, request_id: str) -> Caller:
        path: str = scope["path"]
        if any(path == prefix or path.startswith(f"{prefix}/") for prefix in _OPEN):
            return Caller(request_id=request_id, transport="http")
        try:
            return Caller(request_id=request_id, transport="http", key_id=self._keys.key_id(scope))
        except Unauthorized as error:
            log_refusal(Caller(request_id=request_id, transport="http"), error)
            raise
