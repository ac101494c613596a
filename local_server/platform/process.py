"""A worker's process, with the environment that the platform gives it."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

from handler.parent import die_with_parent
from local_server.platform.harness import hub_environment
from local_server.platform.settings import PlatformSettings

COMMAND = (sys.executable, "-m", "handler")
PING_MS = 2000


def worker_environment(url: str, worker_id: str, key: str, settings: PlatformSettings) -> dict[str, str]:
    """What the platform sets; the machine checks, which want a network and a GPU, are off unless somebody set them.

    Args:
        url: of the server, without a path.
        worker_id: the worker's name.
        key: what it puts into `Authorization`.
        settings: the endpoint's id.
    """
    base = f"{url}/v2/{settings.endpoint_id}"
    checks = {"RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true", "RUNPOD_SKIP_GPU_CHECK": "true"}
    checks = {name: os.environ.get(name, value) for name, value in checks.items()}
    if settings.hub_harness:
        return checks | hub_environment(base, key, worker_id)
    return checks | {
        "RUNPOD_WEBHOOK_GET_JOB": f"{base}/job-take/$ID?gpu=local",
        "RUNPOD_WEBHOOK_POST_OUTPUT": f"{base}/job-done/$RUNPOD_POD_ID/$ID?gpu=local",
        "RUNPOD_WEBHOOK_POST_STREAM": f"{base}/job-stream/$RUNPOD_POD_ID/$ID?gpu=local",
        "RUNPOD_WEBHOOK_PING": f"{base}/ping/$RUNPOD_POD_ID?gpu=local",
        "RUNPOD_PING_INTERVAL": str(PING_MS),
        "RUNPOD_AI_API_KEY": key,
        "RUNPOD_POD_ID": worker_id,
        "RUNPOD_ENDPOINT_ID": settings.endpoint_id,
    }


class WorkerProcess:
    """One process, and those that it starts: the SDK pings from one of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str]) -> "WorkerProcess":
        """Start it; its output goes where ours goes. It ends when this process does, however that ends."""
        return cls(
            await asyncio.create_subprocess_exec(
                *command, env={**os.environ, **environment}, stdin=asyncio.subprocess.DEVNULL, stdout=sys.stderr,
                start_new_session=True, preexec_fn=die_with_parent,
            )
        )  # fmt: skip

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
