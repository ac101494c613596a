"""Which jobs workers are to stop, until they have been told."""

from collections.abc import Callable, Sequence

from agent.change import Change


class Stops:
    """Job ids, by worker."""

    def __init__(self) -> None:
        self.change = Change()
        self._ids: dict[str, list[str]] = {}

    def add(self, worker: str, job_ids: Sequence[str]) -> None:
        """A worker is to stop these; also those that it was to be told before, and was not."""
        if job_ids:
            self._ids.setdefault(worker, []).extend(job_ids)
            self.change.tell()

    def withdraw(self, worker: str, job_id: str) -> None:
        """It gets the job anew: what was to be stopped was an earlier run, which nobody must mistake for this one."""
        if worker in self._ids:
            left = [one for one in self._ids.pop(worker) if one != job_id]
            self.add(worker, left)

    def forget(self, worker: str) -> None:
        """It is gone."""
        self._ids.pop(worker, None)

    async def take(self, worker: str, goes: Callable[[], bool], wait_s: float | None) -> list[str]:
        """The ids, as soon as there are some, it `goes`, or after `wait_s`."""
        await self.change.until(lambda: worker in self._ids or goes(), wait_s)
        return self._ids.pop(worker, [])
