"""Ends a worker in time after SIGTERM.

The SDK's own loop would first wait for the answer to its last request for a job, for up to 90 s, and then for its jobs
without end; and it would never start a job that this answer brings (runpod 1.12.0, rp_scale.py).
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

    The SDK's loop is not told: as long as it believes to live on, it starts and delivers what it was given. It is kept
    from asking for more by being told of fewer jobs at once, for which it waits until it has none. To the platform a
    job that was cut off is one of a worker that is gone, so it is delivered again.

    Args:
        runtime: of the worker.
        last: what is to be done before the process ends.
    """

    def __init__(self, runtime: Runtime, last: Callable[[], None]) -> None:
        self._runtime = runtime
        self._last = last
        self._listens = False
        self._begun = False

    def concurrency(self, _current: int) -> int:
        """The SDK's `concurrency_modifier`: the one thing it calls, in the main thread, once its handlers are set."""
        if not self._listens:
            self._listens = True
            for asked_to_stop in (signal.SIGTERM, signal.SIGINT):
                signal.signal(asked_to_stop, self._begin)
        return 1 if self._begun else self._runtime.settings.handler_concurrency

    def _begin(self, _signal: int, _frame: FrameType | None) -> None:
        if not self._begun:
            self._begun = True
            # Not here: what the signal met may hold the locks that are needed.
            threading.Thread(target=self._end, name="askpod-drain", daemon=True).start()

    def _end(self) -> None:
        try:
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
        finally:
            # Not sys.exit: the SDK's loop goes on asking for jobs. Whatever has failed, the process ends now.
            os._exit(0)


def _undelivered() -> int:
    from runpod.serverless.modules.worker_state import JobsProgress

    # Until its result was posted, or given up, a job is in progress.
    return int(JobsProgress().get_job_count())
