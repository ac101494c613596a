"""One job, from the client's request to its result.

IN_QUEUE ──take──> IN_PROGRESS ──done──> COMPLETED | FAILED
    ^  │               │  │
    │  └──cancel──> CANCELLED  └─timeout─> TIMED_OUT
    └── its worker is lost, or somebody wants it again (FAILED, TIMED_OUT)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from agent.change import Change
from local_server.platform.outcome import NOTHING
from local_server.platform.policy import Policy


class State(StrEnum):
    """As clients see it."""

    IN_QUEUE = "IN_QUEUE"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"


ENDED = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED, State.TIMED_OUT})


@dataclass(eq=False, slots=True)
class Job:
    """Times are seconds of a monotonic clock.

    Attributes:
        id: opaque to clients.
        request: the request's body; a worker gets all of it.
        policy: of the request.
        kept_s: so long after its end the result can be asked for.
        submitted: when it came.
        worker: who has it, or had it last.
        taken: how often it was handed out.
        chunks: what was streamed and not fetched yet.
        change: of anything of it.
    """

    id: str
    request: Mapping[str, Any]
    policy: Policy
    kept_s: float
    submitted: float
    state: State = State.IN_QUEUE
    queued: float = 0.0
    started: float | None = None
    ended: float | None = None
    worker: str | None = None
    taken: int = 0
    output: Any = NOTHING
    error: str | None = None
    chunks: list[dict[str, Any]] = field(default_factory=list)
    change: Change = field(default_factory=Change)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state in ENDED

    def running_for(self, now: float) -> float:
        """Seconds since it was handed out; 0 when it does not run."""
        return now - self.started if self.state is State.IN_PROGRESS and self.started is not None else 0.0

    def view(self) -> dict[str, Any]:
        """What `/status` answers; milliseconds. Fields that mean nothing yet are not there."""
        body: dict[str, Any] = {"id": self.id, "status": self.state.value}
        if self.started is not None:
            body["delayTime"] = _ms(self.started - self.submitted)
            body["workerId"] = self.worker
            if self.ended is not None:
                body["executionTime"] = _ms(self.ended - self.started)
        if self.output is not NOTHING:
            body["output"] = self.output
        if self.error is not None:
            body["error"] = self.error
        return body

    async def wait(self, wait_s: float | None) -> "Job":
        """Itself, when it has ended, or after `wait_s`; None waits for ever."""
        await self.change.until(lambda: self.has_ended, wait_s)
        return self

    async def fetch(self, wait_s: float) -> list[dict[str, Any]]:
        """The pieces that were not fetched yet, as soon as there are some, it has ended, or after `wait_s`."""
        await self.change.until(lambda: bool(self.chunks) or self.has_ended, wait_s)
        chunks, self.chunks = self.chunks, []
        return chunks

    def unassign(self) -> None:
        """Nobody has it; what it has said so far is said again."""
        self.worker, self.started, self.output = None, None, NOTHING
        self.chunks.clear()

    def put_back(self, chunks: list[dict[str, Any]]) -> None:
        """Pieces that a client was to get, and did not."""
        self.chunks[:0] = chunks

    def handed_out(self) -> dict[str, Any]:
        """What a worker gets: everything the client sent, under the job's id."""
        return {**self.request, "id": self.id}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
