"""An endpoint and its workers in simulated time, under the platform's own rule for how many workers there are.

Questions come at random (Poisson), their answers have random lengths (exponential). A worker shares its tokens a second
among the answers it writes, none of which gets more than it would alone. What is not in it: the time of the network,
workers that fail, hosts that have no GPU free, and images that are pulled.
"""

from collections import deque
from dataclasses import dataclass, field
from random import Random

from local_server.platform.scaler import Demand, wanted
from local_server.platform.settings import PlatformSettings

_STEP_S = 0.05


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked.

    Attributes:
        per_minute: questions, in the mean.
        tokens: of an answer, in the mean.
        burst: every ten minutes there are so many times as many, for one minute.
    """

    per_minute: float
    tokens: float
    burst: float = 1.0

    def rate(self, now_s: float) -> float:
        """Questions a second."""
        return self.per_minute / 60 * (self.burst if now_s % 600 < 60 else 1.0)


@dataclass(frozen=True, slots=True)
class WorkerSpeed:
    """What one worker does.

    Attributes:
        tokens_per_s: of all its answers together, when it writes as many at once as it takes.
        tokens_per_s_alone: of an answer that it writes alone.
        at_once: jobs that it takes.
        before_s: of an answer, until its first token: retrieval and reading the prompt.
        cold_start_s: from its start until it takes a job.
    """

    tokens_per_s: float
    tokens_per_s_alone: float
    at_once: int
    before_s: float
    cold_start_s: float


@dataclass(slots=True)
class Outcome:
    """What came of it. `waits_s` are from a question's arrival to its start, `totals_s` to its end."""

    waits_s: list[float] = field(default_factory=list)
    totals_s: list[float] = field(default_factory=list)
    cold_starts: int = 0
    worker_s: float = 0.0
    busy_s: float = 0.0
    left: int = 0


@dataclass(slots=True)
class _Job:
    came: float
    before_s: float
    tokens: float


@dataclass(slots=True)
class _Worker:
    ready: float
    idle_since: float
    jobs: list[_Job] = field(default_factory=list)

    def work(self, now: float, speed: WorkerSpeed) -> list[_Job]:
        """One step; the jobs that are done."""
        writing = sum(job.before_s <= 0 for job in self.jobs)
        rate = min(speed.tokens_per_s_alone, speed.tokens_per_s / writing) if writing else 0.0
        for job in self.jobs:
            if job.before_s > 0:
                job.before_s -= _STEP_S
            else:
                job.tokens -= rate * _STEP_S
        done = [job for job in self.jobs if job.tokens <= 0]
        if done:
            self.jobs = [job for job in self.jobs if job.tokens > 0]
        if self.jobs:
            self.idle_since = now
        return done


def simulate(load: Load, speed: WorkerSpeed, platform: PlatformSettings, hours: float, seed: int) -> Outcome:
    """So many hours, the first tenth of which only fills the queues and is not counted."""
    draw, outcome, waiting = Random(seed), Outcome(), deque[_Job]()  # noqa: S311
    workers = [_Worker(0.0, 0.0) for _ in range(platform.min_workers)]
    next_question, end, counted = draw.expovariate(load.rate(0.0)), hours * 3600, hours * 360
    for step in range(int(end / _STEP_S)):
        now = step * _STEP_S
        while next_question <= now:
            waiting.append(_Job(next_question, speed.before_s, draw.expovariate(1 / load.tokens)))
            next_question += draw.expovariate(load.rate(next_question))
        _hand_out(waiting, workers, speed.at_once, now, outcome if now >= counted else None)
        for worker in workers:
            done = worker.work(now, speed)
            if now >= counted:
                outcome.totals_s += [now - job.came for job in done]
        if now >= counted:
            outcome.worker_s += len(workers) * _STEP_S
            outcome.busy_s += sum(bool(worker.jobs) for worker in workers) * _STEP_S
        outcome.cold_starts += _scale(waiting, workers, speed, platform, now)
    outcome.left = len(waiting)
    return outcome


def _hand_out(waiting: deque[_Job], workers: list[_Worker], at_once: int, now: float, outcome: Outcome | None) -> None:
    while waiting:
        free = [worker for worker in workers if worker.ready <= now and len(worker.jobs) < at_once]
        if not free:
            return
        job = waiting.popleft()
        min(free, key=lambda worker: len(worker.jobs)).jobs.append(job)
        if outcome is not None:
            outcome.waits_s.append(now - job.came)


def _scale(
    waiting: deque[_Job], workers: list[_Worker], speed: WorkerSpeed, platform: PlatformSettings, now: float
) -> int:
    running = sum(len(worker.jobs) for worker in workers)
    loading = sum(worker.ready > now for worker in workers)
    longest = now - waiting[0].came if waiting else 0.0
    more = wanted(Demand(len(waiting), running, longest, len(workers), loading), platform) - len(workers)
    ready = now + speed.cold_start_s
    workers += [_Worker(ready, ready) for _ in range(more)]
    if len(workers) > platform.min_workers:
        for worker in workers:
            if not worker.jobs and now - worker.idle_since >= platform.idle_timeout_s:
                workers.remove(worker)
                break
    return max(0, more)
