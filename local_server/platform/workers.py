"""The workers of an endpoint as the platform sees them: by what they ask for and how long ago."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from local_server.platform.harness import UNFILLED
from local_server.platform.queue import JobQueue


class WorkerState(StrEnum):
    """As `/health` counts them."""

    INITIALIZING = "initializing"
    IDLE = "idle"
    RUNNING = "running"
    THROTTLED = "throttled"
    UNHEALTHY = "unhealthy"


@dataclass(slots=True)
class Worker:
    """One worker; times are seconds of a monotonic clock.

    Attributes:
        id: the platform's name for it.
        started: when it was started, or first heard of.
        heard: when it was heard of last.
        ready: when it asked for its first job; None while it loads.
        busy: when it last had a job.
        unhealthy: it said so itself.
        leaving: it gets no more jobs.
        here: it is this process, and cannot be lost.
    """

    id: str
    started: float
    heard: float
    ready: float | None = None
    busy: float = 0.0
    unhealthy: bool = False
    leaving: bool = False
    here: bool = False


class Workers:
    """Who is there.

    Args:
        queue: where their jobs are.
        lost_s: a worker that was not heard of for so long is lost, once it has asked for a job.
        init_s: one that has not asked for a job by then is lost as well.
        clock: seconds that never go back.
    """

    def __init__(
        self, queue: JobQueue, lost_s: float, init_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:  # fmt: skip
        self._queue = queue
        self._lost_s = lost_s
        self._init_s = init_s
        self._clock = clock
        self._workers: dict[str, Worker] = {}

    def _name(self, worker_id: str) -> str:
        """A name that the SDK has left unfilled is that of the only worker there is."""
        known = list(self._workers)
        return known[0] if worker_id == UNFILLED and len(known) == 1 else worker_id

    def add(self, worker_id: str) -> Worker:
        """A worker that was started and has not been heard of yet."""
        now = self._clock()
        worker = self._workers[worker_id] = Worker(worker_id, now, now)
        return worker

    def find(self, worker_id: str) -> Worker | None:
        """A worker that is there."""
        return self._workers.get(worker_id)

    def heard(self, worker_id: str) -> Worker | None:
        """A worker was heard of. None for one that is not there: it was never, or has gone and its ping has not."""
        worker = self._workers.get(self._name(worker_id))
        if worker is not None:
            worker.heard = self._clock()
        return worker

    def asked(self, worker_id: str) -> tuple[Worker, bool]:
        """A worker asks for a job; whether for the first time. One that nobody started here has come by itself."""
        worker = self.heard(worker_id) or self.add(worker_id)
        first = worker.ready is None
        if worker.ready is None:
            worker.ready = worker.busy = worker.heard
        return worker, first

    def remove(self, worker_id: str) -> int:
        """A worker is gone; how many jobs it had, which wait again."""
        self._workers.pop(worker_id, None)
        return self._queue.lose(worker_id)

    def lost(self) -> list[Worker]:
        """Those that should have been heard of."""
        return [one for one in self._workers.values() if not one.here and self._is_lost(one)]

    def _is_lost(self, worker: Worker) -> bool:
        if worker.ready is None:
            return self._clock() - worker.started > self._init_s
        return self._clock() - worker.heard > self._lost_s

    def all(self) -> list[Worker]:
        """All of them, the oldest first."""
        return list(self._workers.values())

    def state(self, worker: Worker) -> WorkerState:
        """What it does."""
        if worker.unhealthy:
            return WorkerState.UNHEALTHY
        if worker.ready is None:
            return WorkerState.INITIALIZING
        if self._queue.running(worker.id):
            worker.busy = self._clock()
            return WorkerState.RUNNING
        return WorkerState.IDLE

    def idle_for(self, worker: Worker) -> float:
        """Seconds since it last had a job; 0 while it has one or loads."""
        return self._clock() - worker.busy if self.state(worker) is WorkerState.IDLE else 0.0

    def counts(self) -> dict[str, int]:
        """As in `/health`. `ready` are those that wait for a job, as `idle`: the platform does not say what else."""
        counted = Counter(self.state(worker) for worker in self._workers.values())
        return {state.value: counted[state] for state in WorkerState} | {"ready": counted[WorkerState.IDLE]}
