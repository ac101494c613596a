"""POST, GET and DELETE /_faults."""

import signal
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from agent.telemetry.logs import get_logger
from local_server.limits import read_json
from local_server.platform.endpoint import Endpoint
from local_server.platform.errors import BadRequest
from local_server.platform.faults import Fault, Faults
from local_server.platform.fleet import Fleet
from local_server.platform.replies import reply

_SIGNALS = {"freeze": signal.SIGSTOP, "thaw": signal.SIGCONT, "kill": signal.SIGKILL}
_MOST_BYTES = 10_000
_LOGGED = ("route", "answer", "times", "delay_s", "action", "job", "worker")


def fault_router(faults: Faults, endpoint: Endpoint, fleet: Fleet | None) -> APIRouter:
    """The routes.

    `{"route": ..., "answer": ..., "times": ..., "delay_s": ...}` plans what workers' calls meet;
    `{"action": "duplicate", "job": ID}` hands a job out that somebody has;
    `{"action": "freeze" | "thaw" | "kill", "worker": ID}` does that to a worker process.
    """
    router = APIRouter(prefix="/_faults", include_in_schema=False)

    def act(action: object, body: dict[str, Any]) -> None:
        if action == "duplicate":
            endpoint.queue.duplicate(str(body.get("job")))
        elif isinstance(action, str) and action in _SIGNALS:
            send: Callable[[str, int], bool] = fleet.signal if fleet else lambda _worker, _signal: False
            if not send(str(body.get("worker")), _SIGNALS[action]):
                raise BadRequest("'worker' must be the id of a worker process that runs.")
        else:
            raise BadRequest(f"'action' must be duplicate, {', '.join(_SIGNALS)}; or give a 'route' and an 'answer'.")

    @router.post("")
    async def plan(request: Request) -> Response:
        body = await read_json(request, _MOST_BYTES, any_type=True)
        if not isinstance(body, dict):
            raise BadRequest("The body must be a JSON object.")
        if "route" in body:
            faults.plan(Fault.of(body))
        else:
            act(body.get("action"), body)
        said = {key: str(value)[:64] for key, value in body.items() if key in _LOGGED}
        get_logger().warning("fault.asked_for", **said)
        return reply({"planned": faults.planned()})

    @router.get("")
    async def planned() -> Response:
        return reply({"planned": faults.planned()})

    @router.delete("")
    async def clear() -> Response:
        faults.clear()
        return reply({"planned": []})

    return router
