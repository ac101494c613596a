"""The jobs that wait, in the order in which they are handed out."""

from collections import deque

from local_server.platform.job import Job


class Line:
    """First come, first served; those of low priority behind all others."""

    def __init__(self) -> None:
        self._waiting: dict[bool, deque[Job]] = {False: deque(), True: deque()}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def put(self, job: Job, *, first: bool = False) -> None:
        """At the end of those of its priority, or before them."""
        waiting = self._waiting[job.policy.low_priority]
        waiting.appendleft(job) if first else waiting.append(job)

    def next(self) -> Job:
        """Take out the next one; there must be one."""
        return (self._waiting[False] or self._waiting[True]).popleft()

    def remove(self, job: Job) -> None:
        """Take one out, wherever it stands."""
        self._waiting[job.policy.low_priority].remove(job)

    def all(self) -> list[Job]:
        """Those that wait."""
        return [job for waiting in self._waiting.values() for job in waiting]

    def longest(self, now: float) -> float:
        """Seconds that the one has waited that has waited longest; 0 where nobody does."""
        return max((now - waiting[0].queued for waiting in self._waiting.values() if waiting), default=0.0)
