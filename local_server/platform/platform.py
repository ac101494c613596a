"""The platform around one endpoint: the endpoint itself, and who does its jobs."""

import asyncio
import secrets
from collections.abc import Callable

from pydantic import SecretStr

from agent.telemetry.logs import get_logger
from local_server.auth import Keys
from local_server.platform.endpoint import Endpoint
from local_server.platform.faults import Faults
from local_server.platform.fleet import Fleet
from local_server.platform.in_process import Handler, InProcessWorker
from local_server.platform.process import Launch
from local_server.platform.settings import PlatformSettings

# Addresses to listen on that are none to call.
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
_LOOK_S = 0.05


class Platform:
    """Starts and ends with the server.

    Args:
        settings: of the platform; with `max_workers`, or `min_workers`, jobs are done by worker processes.
        handler: does them in this process otherwise.
        concurrency: so many at once.
        is_ready: whether the handler can.
        drain_s: so long a worker process has to finish when it is to go.
        launch: starts a worker process.
    """

    def __init__(
        self, settings: PlatformSettings, handler: Handler,
        concurrency: int, is_ready: Callable[[], bool], drain_s: float, launch: Launch,
    ) -> None:  # fmt: skip
        self.endpoint = Endpoint(settings)
        self.faults = Faults()
        key = settings.worker_key.get_secret_value() or secrets.token_urlsafe(32)
        self.worker_keys = Keys([SecretStr(key)])
        self.fleet = Fleet(self.endpoint, key, launch, drain_s) if settings.has_workers else None
        self._crew = self.fleet or InProcessWorker(self.endpoint, handler, concurrency, is_ready)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, host: str, port: int) -> None:
        """The server listens: workers can call it."""
        host = _ANY.get(host, host)
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._tasks = [asyncio.create_task(self.endpoint.keep()), asyncio.create_task(self._crew.run(url))]
        for task in self._tasks:
            task.add_done_callback(_tell_crash)
        get_logger().info("platform.open", url=f"{url}/v2/{self.endpoint.settings.endpoint_id}")

    async def stop(self, left_s: Callable[[], float]) -> None:
        """The jobs that run end, then the workers.

        Args:
            left_s: seconds that are left for that; at 0, what still runs is dropped.
        """
        queue, waiting = self.endpoint.queue, self.endpoint.queue.waiting
        queue.close()
        while queue.running() and left_s() > 0:
            await asyncio.sleep(_LOOK_S)
        if waiting or queue.running():
            get_logger().warning("platform.jobs_dropped", running=queue.running(), waiting=waiting)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.fleet is not None:
            await self.fleet.end()
        await self.endpoint.webhooks.close(left_s())


def _tell_crash(task: "asyncio.Task[None]") -> None:
    """Nobody waits for what runs in the background; that it has ended would not be seen."""
    if not task.cancelled() and (error := task.exception()) is not None:
        get_logger().error("platform.crashed", exc_info=error)
