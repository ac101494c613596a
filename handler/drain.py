"""Ends a worker in time after SIGTERM: the SDK's own loop first waits for a job for up to 90 s, and then for as long as
one runs (runpod 1.12.0, rp_scale.py).
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from agent.runtime import Runtime
from agent.telemetry.logs import get_logger

_LOOK_S = 0.05


class Drain:
    """What runs is finished and delivered, and then the process ends; what takes longer is cut off.

    To the platform a job that was cut off is one of a worker that is gone, so it is delivered again.

    Args:
        runtime: of the worker.
        last: what is to be done before the process ends.
    """

    def __init__(self, runtime: Runtime, last: Callable[[], None]) -> None:
        self._runtime = runtime
        self._last = last
        self._theirs: signal._HANDLER = None

    def concurrency(self, _current: int) -> int:
        """The SDK's `concurrency_modifier`: the one thing it calls, in the main thread, once its handlers are set."""
        if self._theirs is None:
            self._theirs = signal.getsignal(signal.SIGTERM)
            signal.signal(signal.SIGTERM, self._begin)
        return self._runtime.settings.handler_concurrency

    def _begin(self, number: int, frame: FrameType | None) -> None:
        if callable(self._theirs):
            self._theirs(number, frame)
        # Not here: what the signal met may hold the locks that are needed.
        threading.Thread(target=self._end, name="askpod-drain", daemon=True).start()

    def _end(self) -> None:
        self._runtime.drain()
        until = time.monotonic() + self._runtime.settings.drain_timeout_s
        while (left := _undelivered()) and time.monotonic() < until:
            time.sleep(_LOOK_S)
        if left:
            get_logger().warning("worker.cut_off", jobs=left)
            self._runtime.poison.spare()
        self._last()
        sys.stdout.flush()
        sys.stderr.flush()
        # Not sys.exit: the SDK's loop waits for a job, and taking one now would lose it.
        os._exit(0)


def _undelivered() -> int:
    from runpod.serverless.modules.worker_state import JobsProgress

    # Until its result was posted, or given up, a job is in progress.
    return int(JobsProgress().get_job_count())
