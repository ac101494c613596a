"""Tells a job's `webhook` what came of it (the production body: runpod-python issue 409)."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx

from agent.telemetry.logs import get_logger
from local_server.platform.errors import BadRequest
from local_server.platform.job import Job
from local_server.platform.replies import encoded

_ATTEMPTS = 3
_PAUSE_S = 10.0
_TIMEOUT_S = 10.0
_LAST_MOMENT_S = 2.0
_HEADERS = {"Content-Type": "application/json"}


class Webhooks:
    """POSTs in the background: once, and twice more when the answer is not 200.

    Args:
        hosts: where they may go; redirects are not followed.
        pause_s: between two attempts.
    """

    def __init__(self, hosts: Sequence[str], pause_s: float = _PAUSE_S) -> None:
        self._hosts = frozenset(hosts)
        self._pause_s = pause_s
        self._tasks: set[asyncio.Task[None]] = set()

    def check(self, url: object) -> None:
        """Refuse a webhook before its job is taken.

        Raises:
            BadRequest: it is no http(s) URL, or of a host that is not allowed.
        """
        try:
            parts = urlsplit(url if isinstance(url, str) else "")
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadRequest("'webhook' must be an http or https URL.")
        if parts.hostname not in self._hosts:
            raise BadRequest("'webhook' names a host that PLATFORM_WEBHOOK_HOSTS does not allow.")

    def tell(self, job: Job) -> None:
        """A job has ended: its webhook, if it has one, is told."""
        if url := job.request.get("webhook"):
            body = {"input": job.request.get("input"), "webhook": url, **job.view()}
            task = asyncio.get_running_loop().create_task(self._post(url, body, job.id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self, left_s: float) -> None:
        """Give up what was not told yet; what is on its way has a moment, if `left_s` has one left."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=min(left_s, _LAST_MOMENT_S))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _post(self, url: str, body: dict[str, object], job_id: str) -> None:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    response = await client.post(url, content=encoded(body), headers=_HEADERS)
                    answer = str(response.status_code)
                except (httpx.HTTPError, httpx.InvalidURL) as error:
                    answer = type(error).__name__
                if answer == str(HTTPStatus.OK.value):
                    return
                get_logger().warning("webhook.failed", job_id=job_id, attempt=attempt, answer=answer)
                if attempt < _ATTEMPTS:
                    await asyncio.sleep(self._pause_s)
