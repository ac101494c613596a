"""One emulated endpoint: its queue, its workers, its limits."""

import asyncio
from typing import Any

from agent.telemetry.logs import get_logger
from local_server.platform.queue import JobQueue
from local_server.platform.rates import Rates
from local_server.platform.settings import PlatformSettings
from local_server.platform.webhooks import Webhooks
from local_server.platform.workers import Workers

_TICK_S = 0.1


class Endpoint:
    """What the routes of clients and of workers share."""

    def __init__(self, settings: PlatformSettings) -> None:
        self.settings = settings
        self.webhooks = Webhooks(settings.webhook_hosts)
        self.queue = JobQueue(
            retention_s=settings.retention_s, sync_retention_s=settings.sync_retention_s,
            max_deliveries=settings.max_deliveries, on_end=self.webhooks.tell,
        )  # fmt: skip
        self.workers = Workers(self.queue, settings.worker_lost_s, settings.init_timeout_s)
        self.rates = Rates(settings.rate_factor)

    async def keep(self) -> None:
        """Let time pass: timeouts, retention, workers that are not heard of. For ever."""
        while True:
            self.queue.tick()
            for worker in self.workers.lost():
                jobs = self.workers.remove(worker.id)
                after_s = self.settings.init_timeout_s if worker.ready is None else self.settings.worker_lost_s
                get_logger().warning("worker.lost", worker=worker.id, jobs=jobs, after_s=after_s)
            await asyncio.sleep(_TICK_S)

    def health(self) -> dict[str, Any]:
        """As `GET /health` of the platform."""
        queue = self.queue
        return {
            "jobs": {
                "completed": queue.completed,
                "failed": queue.failed,
                "inProgress": queue.running(),
                "inQueue": queue.waiting,
                "retried": queue.retried,
            },
            "workers": self.workers.counts(),
        }
