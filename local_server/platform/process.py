"""A worker's process, with the environment that the platform gives it."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from handler.parent import die_with_parent
from local_server.platform.harness import hub_environment
from local_server.platform.settings import PlatformSettings

COMMAND = (sys.executable, "-m", "handler")
PING_MS = 2000


def worker_environment(url: str, worker_id: str, key: str, settings: PlatformSettings) -> dict[str, str]:
    """What the platform sets.

    The machine checks, which want a network and a GPU, are off, and the workers share the cores, unless somebody said
    otherwise.

    Args:
        url: of the server, without a path.
        worker_id: the worker's name.
        key: what it puts into `Authorization`.
        settings: the endpoint's id.
    """
    base = f"{url}/v2/{settings.endpoint_id}"
    unless_set = {
        "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
        "RUNPOD_SKIP_GPU_CHECK": "true",
        **_share_of_cores(settings),
    }
    # The server's own; two processes cannot have one port.
    own = {"METRICS_PORT": "0"}
    ours = own | {name: os.environ.get(name, value) for name, value in unless_set.items()}
    if settings.hub_harness:
        return ours | hub_environment(base, key, worker_id)
    return ours | {
        "RUNPOD_WEBHOOK_GET_JOB": f"{base}/job-take/$ID?gpu=local",
        "RUNPOD_WEBHOOK_POST_OUTPUT": f"{base}/job-done/$RUNPOD_POD_ID/$ID?gpu=local",
        "RUNPOD_WEBHOOK_POST_STREAM": f"{base}/job-stream/$RUNPOD_POD_ID/$ID?gpu=local",
        "RUNPOD_WEBHOOK_PING": f"{base}/ping/$RUNPOD_POD_ID?gpu=local",
        "RUNPOD_PING_INTERVAL": str(PING_MS),
        "RUNPOD_AI_API_KEY": key,
        "RUNPOD_POD_ID": worker_id,
        "RUNPOD_ENDPOINT_ID": settings.endpoint_id,
    }


def _share_of_cores(settings: PlatformSettings) -> dict[str, str]:
    """Workers that compute at once do not take each other's cores.

    With more threads than cores, threads of OpenMP wait awake for one that does not run; two workers with two threads
    each on two cores took up to 20 s for an answer of half a second (2026-11-27).
    """
    workers = settings.max_workers
    return {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // workers))} if workers > 1 else {}


class LaunchedProcess(Protocol):
    """A process that leads a process group; the members are those of `asyncio.subprocess.Process`."""

    @property
    def pid(self) -> int:
        """Process id, and id of the process group."""

    @property
    def returncode(self) -> int | None:
        """Exit status; None while it runs, negative for a signal."""

    def send_signal(self, signal: int) -> None:
        """Send a signal to this process alone."""

    async def wait(self) -> int:
        """Wait for its end; return its exit status."""


# Starts a worker with these additional environment variables. Raises OSError where it cannot be started.
Launch = Callable[[Mapping[str, str]], Awaitable[LaunchedProcess]]


def launch_command(command: Sequence[str] = COMMAND) -> Launch:
    """Launch workers with a command; their output goes to this process's standard error.

    A worker ends when this process ends, even if this process is killed.
    """

    async def launch(environment: Mapping[str, str]) -> LaunchedProcess:
        return await asyncio.create_subprocess_exec(
            *command, env={**os.environ, **environment}, stdin=asyncio.subprocess.DEVNULL, stdout=sys.stderr,
            start_new_session=True, preexec_fn=die_with_parent,
        )  # fmt: skip

    return launch


class WorkerProcess:
    """One process, and those that it starts: the SDK pings from one of its own."""

    def __init__(self, process: LaunchedProcess) -> None:
        self._process = process

    @property
    def status(self) -> int | None:
        """Exit status; None while it runs, negative for a signal."""
        return self._process.returncode

    def terminate(self) -> None:
        """Ask it to end what it does and go."""
        if self.status is None:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it, and whatever it started, now; nothing happens where nothing is left."""
        self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        """To it, and to whatever it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    async def wait(self) -> int:
        """Its exit status, when it has ended."""
        return await self._process.wait()
