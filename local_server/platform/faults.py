"""Faults on demand, for testing one's own client and worker; only with `--faults`.

What happens to a worker's calls is planned here, and happens the next so many times; what happens to workers and jobs
happens at once (`fault_routes`).
"""

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from local_server.platform.errors import BadRequest
from local_server.platform.replies import reply

# By the worker's call: what the platform's side may do instead of what it should.
ANSWERS = {
    "job-take": ("204", "400", "429", "500", "reset", "slow"),
    "job-done": ("400", "429", "500", "reset", "slow", "lost"),
    "job-stream": ("400", "429", "500", "reset", "slow", "lost"),
    "ping": ("500", "reset", "slow", "lost"),
}
_MOST_TIMES, _MOST_DELAY_S = 1000, 600


@dataclass(slots=True)
class Fault:
    """The next `times` calls of `route` are answered so; `slow` ones rightly, `delay_s` later."""

    route: str
    answer: str
    times: int = 1
    delay_s: float = 5.0

    @classmethod
    def of(cls, body: dict[str, Any]) -> "Fault":
        """In a request's words.

        Raises:
            BadRequest: a field is unknown or out of its range.
        """
        fault = cls(str(body.get("route")), str(body.get("answer", "")), body.get("times", 1), body.get("delay_s", 5.0))
        if fault.route not in ANSWERS:
            raise BadRequest(f"'route' must be one of {', '.join(ANSWERS)}.")
        if fault.answer not in ANSWERS[fault.route]:
            raise BadRequest(f"'answer' of {fault.route} must be one of {', '.join(ANSWERS[fault.route])}.")
        if type(fault.times) is not int or not 1 <= fault.times <= _MOST_TIMES:
            raise BadRequest(f"'times' must be 1 to {_MOST_TIMES}.")
        if type(fault.delay_s) not in (int, float) or not 0 <= fault.delay_s <= _MOST_DELAY_S:
            raise BadRequest(f"'delay_s' must be 0 to {_MOST_DELAY_S}.")
        return fault

    def response(self) -> Response | None:
        """Instead of the right one; None for those that are answered rightly, some time."""
        if self.answer == "reset":
            return _Cut()
        if self.answer in ("slow", "lost"):
            return None
        if self.answer == "204":
            return Response(status_code=204)
        return reply({"error": "A fault that was asked for."}, int(self.answer))


class Faults:
    """Those that are planned, in the order in which they came."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []

    def plan(self, fault: Fault) -> None:
        """From now on."""
        self._planned.append(fault)

    def next(self, route: str) -> Fault | None:
        """What a call of this route meets."""
        for fault in self._planned:
            if fault.route == route:
                fault.times -= 1
                if fault.times == 0:
                    self._planned.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        """Nothing more goes wrong."""
        self._planned.clear()

    def planned(self) -> list[dict[str, Any]]:
        """Those that are left."""
        return [
            {"route": one.route, "answer": one.answer, "times": one.times, "delay_s": one.delay_s}
            for one in self._planned
        ]


class _Cut(Response):
    """Ends the connection in the middle of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"2"), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})
