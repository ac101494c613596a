"""Worker processes: started, watched, started again, and as many as there is work for."""

import asyncio
import time
from dataclasses import dataclass

from agent.telemetry.logs import get_logger
from local_server.platform.endpoint import Endpoint
from local_server.platform.process import Launch, WorkerProcess, worker_environment
from local_server.platform.scaler import Demand, wanted
from local_server.platform.workers import Worker, WorkerState

_LOOK_S = 0.1
_MOMENT_S = 2.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0


@dataclass(slots=True)
class _Member:
    worker: Worker
    process: WorkerProcess


class Fleet:
    """Real workers behind an endpoint.

    Args:
        endpoint: whose jobs they do, and whose settings say how many there are.
        key: with which they call.
        launch: starts a worker.
        drain_s: a worker that was asked to go ends by itself within so long; a moment later it is killed.
    """

    def __init__(self, endpoint: Endpoint, key: str, launch: Launch, drain_s: float) -> None:
        self._endpoint = endpoint
        self._key = key
        self._launch = launch
        self._grace_s = drain_s + _MOMENT_S
        self._members: dict[str, _Member] = {}
        self._leaving: dict[asyncio.Task[None], _Member] = {}
        self._numbers = 0
        self._crashes = 0
        self._crashed = self._not_before = 0.0

    async def run(self, url: str) -> None:
        """Keep as many as there should be, for ever.

        Args:
            url: of the server that they are to call, without a path.
        """
        while True:
            self._bury()
            await self._scale(url)
            await asyncio.sleep(_LOOK_S)

    async def end(self) -> None:
        """All workers go now, `run` having been cancelled: what they had to do is done, or dropped."""
        for member in list(self._members.values()):
            self._dismiss(member, "the server stops")
        for member in self._leaving.values():
            member.process.kill()
        await asyncio.gather(*self._leaving, return_exceptions=True)

    def signal(self, worker_id: str, number: int) -> bool:
        """Send a signal to a worker and what it started; False if there is no such worker."""
        member = self._members.get(worker_id)
        if member is not None:
            member.process.signal(number)
        return member is not None

    # ------------------------------------------------------------------ who has gone

    def _bury(self) -> None:
        for member in list(self._members.values()):
            worker, status = member.worker, member.process.status
            if status is not None:
                self._gone(member, f"exit {status}" if status >= 0 else f"signal {-status}")
            elif self._endpoint.workers.find(worker.id) is None:
                # It was not heard of for too long; its jobs are others' already.
                self._gone(member, "not heard of")
            elif worker.leaving and not self._endpoint.queue.running(worker.id):
                self._dismiss(member, "it asked to be replaced")
            elif worker.ready is not None and worker.started > self._crashed:
                self._crashes = 0

    def _gone(self, member: _Member, how: str) -> None:
        """A worker has ended, or must, without having been asked."""
        # The SDK's ping would go on without its worker.
        member.process.kill()
        del self._members[member.worker.id]
        jobs = self._endpoint.workers.remove(member.worker.id)
        pause_s = self._pause(was_ready=member.worker.ready is not None)
        get_logger().warning(
            "worker.died", worker=member.worker.id, how=how, jobs_back_in_queue=jobs, next_start_in_s=pause_s
        )

    def _pause(self, *, was_ready: bool) -> float:
        """Nothing is started for so many seconds: twice as many each time that a worker did not even become ready."""
        now, pause_s = time.monotonic(), _FIRST_PAUSE_S
        if not was_ready:
            pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(self._crashes, 10))
            self._crashes, self._crashed = self._crashes + 1, now
        self._not_before = max(self._not_before, now + pause_s)
        return pause_s

    # ------------------------------------------------------------------ how many

    async def _scale(self, url: str) -> None:
        endpoint, count = self._endpoint, len(self._members)
        states = [endpoint.workers.state(member.worker) for member in self._members.values()]
        demand = Demand(
            endpoint.queue.waiting, endpoint.queue.running(), endpoint.queue.longest_wait,
            count, states.count(WorkerState.INITIALIZING),
        )  # fmt: skip
        more = wanted(demand, endpoint.settings) - count
        if more > 0 and time.monotonic() >= self._not_before:
            get_logger().info(
                "workers.scaled_up", workers=count + more, before=count, jobs_waiting=demand.waiting,
                longest_wait_s=round(demand.longest_wait, 1),
            )  # fmt: skip
            for _ in range(more):
                await self._start(url)
        elif count > endpoint.settings.min_workers:
            self._let_idle_go(count - endpoint.settings.min_workers)

    def _let_idle_go(self, most: int) -> None:
        idle_s = self._endpoint.settings.idle_timeout_s
        idle = [one for one in self._members.values() if self._endpoint.workers.idle_for(one.worker) > idle_s]
        for member in idle[:most]:
            self._dismiss(member, f"idle for {idle_s:g} s")

    async def _start(self, url: str) -> None:
        self._numbers += 1
        worker = self._endpoint.workers.add(f"worker-{self._numbers}")
        environment = worker_environment(url, worker.id, self._key, self._endpoint.settings)
        try:
            process = WorkerProcess(await self._launch(environment))
        except OSError as error:
            self._endpoint.workers.remove(worker.id)
            get_logger().error(
                "worker.not_started", worker=worker.id, why=repr(error), next_start_in_s=self._pause(was_ready=False)
            )
            return
        self._members[worker.id] = _Member(worker, process)
        get_logger().info("worker.started", worker=worker.id)

    # ------------------------------------------------------------------ going

    def _dismiss(self, member: _Member, why: str) -> None:
        get_logger().info("worker.dismissed", worker=member.worker.id, why=why)
        member.worker.leaving = True
        self._endpoint.queue.hang_up(member.worker.id)
        del self._members[member.worker.id]
        task = asyncio.create_task(self._see_off(member))
        self._leaving[task] = member
        task.add_done_callback(self._leaving.pop)

    async def _see_off(self, member: _Member) -> None:
        member.process.terminate()
        try:
            async with asyncio.timeout(self._grace_s):
                await member.process.wait()
        except TimeoutError:
            get_logger().warning("worker.killed", worker=member.worker.id, after_s=self._grace_s)
        finally:
            member.process.kill()
            self._endpoint.workers.remove(member.worker.id)
