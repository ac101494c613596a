"""The jobs of one endpoint: who waits, who runs, and what came of the rest."""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.change import Change
from agent.telemetry.logs import get_logger
from local_server.platform.errors import BadRequest, Stopping, Unknown
from local_server.platform.job import Job, State
from local_server.platform.line import Line
from local_server.platform.outcome import NOTHING, Outcome
from local_server.platform.policy import Policy
from local_server.platform.stops import Stops

# The error of a job that no worker will do any more.
STOPPED = "The server stopped before a worker had done the job."
_AGAIN = (State.FAILED, State.TIMED_OUT)
_LOGGED = ("status", "delayTime", "executionTime", "workerId")


class JobQueue:
    """First in, first out within a priority. Everything happens in one event loop.

    Args:
        retention_s: how long the result of a job is kept.
        sync_retention_s: the same, for a job whose client waits for it.
        max_deliveries: a job whose workers were lost so often has failed.
        on_end: told of every job that has ended.
        clock: seconds that never go back.
    """

    def __init__(
        self, *, retention_s: float, sync_retention_s: float, max_deliveries: int,
        on_end: Callable[[Job], None] = lambda _job: None, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.completed = self.failed = self.retried = 0
        self._kept = {False: retention_s, True: sync_retention_s}
        self._max_deliveries = max_deliveries
        self._on_end = on_end
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._line = Line()
        self._arrived = Change()
        self.stopping = Stops()
        self._hung_up: set[str] = set()
        self._closed = False

    # ------------------------------------------------------------------ what clients do

    def submit(self, request: Mapping[str, Any], policy: Policy, *, sync: bool = False) -> Job:
        """A new job, at the end of the queue.

        Raises:
            Stopping: the server stops.
        """
        self._must_be_open()
        now = self._clock()
        job = Job(f"{'sync-' if sync else ''}{uuid.uuid4()}-local", request, policy, self._kept[sync], now, queued=now)
        self._jobs[job.id] = job
        self._queue(job)
        return job

    def find(self, job_id: str) -> Job:
        """The job of this id.

        Raises:
            Unknown: there never was one, or it is not kept any more.
        """
        if job := self._jobs.get(job_id):
            self._age(job)
        try:
            return self._jobs[job_id]
        except KeyError:
            raise Unknown("There is no job of this id, or it is not kept any more.") from None

    def cancel(self, job_id: str) -> Job:
        """End a job that has not ended; its worker is told. One that has ended stays as it is."""
        job = self.find(job_id)
        self.leave(job)
        return job

    def retry(self, job_id: str) -> Job:
        """Queue a job again that failed or took too long; its result is gone.

        Raises:
            BadRequest: it is in another state.
            Stopping: the server stops.
        """
        self._must_be_open()
        job = self.find(job_id)
        if job.state not in _AGAIN:
            raise BadRequest(f"Only a job that is FAILED or TIMED_OUT can be retried; this one is {job.state.value}.")
        # A new life: as old as it is from now on.
        job.submitted, job.ended, job.taken, job.error = self._clock(), None, 0, None
        job.unassign()
        job.chunks.clear()
        self.retried += 1
        self._queue(job)
        return job

    def purge(self) -> int:
        """Remove every job that waits; how many they were."""
        removed = self._line.all()
        for job in removed:
            self._end(job, State.CANCELLED)
            del self._jobs[job.id]
        return len(removed)

    # ------------------------------------------------------------------ what workers do

    async def take(self, worker: str, most: int, wait_s: float | None) -> list[Job]:
        """Up to `most` jobs, the worker's from now on; none when none came within `wait_s`, or the worker must go."""
        await self._arrived.until(lambda: self.waiting > 0 or self.goes(worker), wait_s)
        if self.goes(worker):
            return []
        return [self._hand_out(worker) for _ in range(min(most, self.waiting))]

    def done(self, job_id: str, worker: str, outcome: Outcome) -> Job:
        """What came of a job. The first answer counts, whichever worker it is from; a failure only if it has the job.

        Raises:
            Unknown: there is no such job.
            BadRequest: it has ended already, or was never handed out; or a failure of a worker that has lost the job.
        """
        if outcome.progress:
            job = self._held(job_id, worker)
            job.output = outcome.output
            job.change.tell()
            return job
        job = self._held(job_id, worker) if outcome.error is not None else self._running(job_id)
        if job.worker != worker:
            self._tell_to_stop(job)
        job.worker, job.output, job.error = worker, outcome.output, outcome.error
        self._end(job, State.COMPLETED if outcome.error is None else State.FAILED)
        return job

    def chunk(self, job_id: str, worker: str, chunk: dict[str, Any]) -> None:
        """A piece of a result; only of the worker that has the job: another one's would come twice.

        Raises:
            Unknown: there is no such job.
            BadRequest: that worker does not have it (any more).
        """
        job = self._held(job_id, worker)
        job.chunks.append(chunk)
        job.change.tell()

    async def stops(self, worker: str, wait_s: float | None) -> list[str]:
        """Ids of the jobs that a worker is to stop; none when there were none within `wait_s`."""
        return await self.stopping.take(worker, lambda: self.goes(worker), wait_s)

    def give_back(self, jobs: Sequence[Job]) -> None:
        """Jobs that were handed out to a worker that had gone: as if it had never asked."""
        for job in reversed(jobs):
            if job.state is State.IN_PROGRESS:
                job.started, job.worker, job.taken = None, None, job.taken - 1
                self._queue(job, first=True)

    def hang_up(self, worker: str) -> None:
        """A worker gets no more jobs, and does not wait for one any longer."""
        self._hung_up.add(worker)
        self._wake_workers()

    def goes(self, worker: str) -> bool:
        """Whether a worker gets no more jobs."""
        return self._closed or worker in self._hung_up

    def close(self) -> None:
        """No job is taken from a client or given to a worker any more; those that run go on, those that wait fail."""
        self._closed = True
        for job in self._line.all():
            self._give_up(job)
        self._wake_workers()

    def duplicate(self, job_id: str) -> None:
        """Hand a job out once more, although its worker has it: at-least-once delivery, on purpose.

        Raises:
            Unknown: there is no such job.
            BadRequest: nobody has it.
            Stopping: the server stops.
        """
        self._must_be_open()
        job = self.find(job_id)
        if job.state is not State.IN_PROGRESS:
            raise BadRequest(f"Only a job that is IN_PROGRESS can be handed out twice; this one is {job.state.value}.")
        self._queue(job, first=True)

    def lose(self, worker: str) -> int:
        """A worker is gone: its jobs are the first in the queue again; how many they are."""
        self.stopping.forget(worker)
        self._hung_up.discard(worker)
        lost = [job for job in self._jobs.values() if job.state is State.IN_PROGRESS and job.worker == worker]
        # The oldest is put in front of the others.
        for job in reversed(lost):
            if job.taken >= self._max_deliveries:
                job.error = f"The job was given to {job.taken} workers, and each of them was lost."
                self._end(job, State.FAILED)
            else:
                job.unassign()
                self.retried += 1
                self._queue(job, first=True)
        return len(lost)

    # ------------------------------------------------------------------ what time does, and what can be seen

    def tick(self) -> None:
        """End what ran too long, delete what is too old."""
        for job in list(self._jobs.values()):
            self._age(job)

    @property
    def waiting(self) -> int:
        """Jobs in the queue."""
        return len(self._line)

    @property
    def longest_wait(self) -> float:
        """Seconds that the first in the queue has waited."""
        return self._line.longest(self._clock())

    def jobs(self) -> list[Job]:
        """All that are kept, in the order in which they came."""
        return list(self._jobs.values())

    def running(self, worker: str | None = None) -> int:
        """Jobs in progress, of one worker or of all."""
        return sum(job.state is State.IN_PROGRESS and worker in (None, job.worker) for job in self._jobs.values())

    def leave(self, job: Job) -> None:
        """Its only reader goes: it is cancelled, unless it has ended."""
        if not job.has_ended:
            self._stop(job, State.CANCELLED)

    # ------------------------------------------------------------------ inside

    def _age(self, job: Job) -> None:
        now = self._clock()
        if job.ended is not None:
            if now - job.ended >= job.kept_s:
                del self._jobs[job.id]
        elif now - job.submitted >= job.policy.ttl_s:
            # As the platform has it: deleted, even while it runs.
            self._stop(job, State.TIMED_OUT)
            del self._jobs[job.id]
        elif job.running_for(now) >= job.policy.execution_timeout_s:
            job.error = f"The job ran for more than {job.policy.execution_timeout_s:g} s."
            self._stop(job, State.TIMED_OUT)

    def _queue(self, job: Job, *, first: bool = False) -> None:
        job.state, job.queued = State.IN_QUEUE, self._clock()
        self._line.put(job, first=first)
        if self._closed:
            self._give_up(job)
            return
        job.change.tell()
        self._arrived.tell()

    def _hand_out(self, worker: str) -> Job:
        job = self._line.next()
        # What was streamed comes again; what a client has fetched it has.
        job.chunks.clear()
        job.state, job.worker, job.started = State.IN_PROGRESS, worker, self._clock()
        job.taken += 1
        self.stopping.withdraw(worker, job.id)
        job.change.tell()
        return job

    def _must_be_open(self) -> None:
        if self._closed:
            raise Stopping("The server stops; it takes no more jobs.")

    def _give_up(self, job: Job) -> None:
        job.error = STOPPED
        self._end(job, State.FAILED)

    def _wake_workers(self) -> None:
        self._arrived.tell()
        self.stopping.change.tell()

    def _held(self, job_id: str, worker: str) -> Job:
        job = self.find(job_id)
        if job.state is not State.IN_PROGRESS or job.worker != worker:
            raise BadRequest("The job is not with this worker (any more).")
        return job

    def _running(self, job_id: str) -> Job:
        job = self.find(job_id)
        if job.state is State.IN_QUEUE and job.taken:
            # Its worker was thought lost, and was not: its result is as good as another one's.
            self._line.remove(job)
            job.state, job.started = State.IN_PROGRESS, self._clock() if job.started is None else job.started
        if job.state is not State.IN_PROGRESS:
            raise BadRequest(f"The job is {job.state.value}; nothing more is taken for it.")
        return job

    def _stop(self, job: Job, state: State) -> None:
        self._tell_to_stop(job)
        self._end(job, state)

    def _tell_to_stop(self, job: Job) -> None:
        # Also one that waits to be handed out a second time.
        if not job.has_ended and job.worker is not None:
            self.stopping.add(job.worker, [job.id])

    def _end(self, job: Job, state: State) -> None:
        if job.state is State.IN_QUEUE:
            self._line.remove(job)
        job.state, job.ended = state, self._clock()
        if state in (State.CANCELLED, State.TIMED_OUT):
            # It was progress, and no result.
            job.output = NOTHING
        self.completed += state is State.COMPLETED
        self.failed += state in _AGAIN
        job.change.tell()
        get_logger().info("job.ended", job_id=job.id, **{k: v for k, v in job.view().items() if k in _LOGGED})
        self._on_end(job)
