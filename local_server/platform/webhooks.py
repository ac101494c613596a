"""Tells a job's `webhook` what came of it (the production body: runpod-python issue 409)."""

import asyncio
import ipaddress
import socket
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
            pinned: httpx.Request | None = None
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    # Once: a name that means another machine by the next attempt does not lead there.
                    pinned = pinned or await _pinned(client, url, encoded(body))
                    response = await client.send(pinned)
                    answer = str(response.status_code)
                except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
                    answer = type(error).__name__
                if answer == str(HTTPStatus.OK.value):
                    return
                get_logger().warning("webhook.failed", job_id=job_id, attempt=attempt, answer=answer)
                if attempt < _ATTEMPTS:
                    await asyncio.sleep(self._pause_s)


async def _pinned(client: httpx.AsyncClient, url: str, content: bytes) -> httpx.Request:
    """The request, to the address that the URL's host has now, under the host's own name.

    Raises:
        OSError: the host has no address, or one that no service has: a metadata service's, or a multicast one.
    """
    parts = httpx.URL(url)
    port = parts.port or {"https": 443}.get(parts.scheme, 80)
    found = await asyncio.get_running_loop().getaddrinfo(parts.host, port, type=socket.SOCK_STREAM)
    address = found[0][4][0]
    if (known := ipaddress.ip_address(address)).is_link_local or known.is_multicast or known.is_unspecified:
        raise OSError("the host's address is not one to post to")
    headers = {**_HEADERS, "Host": parts.netloc.decode("ascii")}
    request = client.build_request("POST", parts.copy_with(host=address), content=content, headers=headers)
    request.extensions["sni_hostname"] = parts.host
    return request
