"""Ends a process whose engine can never answer again, so that the platform, or whoever runs it, starts another."""

import logging
import os
import sys
import threading
import time

from agent.runtime import Runtime, State
from agent.telemetry.logs import get_logger

# BSD's EX_SOFTWARE: neither a stop that was asked for nor a setting that is wrong.
EXIT_STATUS = 70
# So long the callers of what failed have to get their errors.
_GRACE_S = 2.0


def watch(runtime: Runtime, *, every_s: float = 1.0) -> threading.Thread:
    """Look at a runtime in a daemon thread, until it is closed; leave the process when its engine is dead."""
    thread = threading.Thread(target=_watch, args=(runtime, every_s), name="askpod-watchdog", daemon=True)
    thread.start()
    return thread


def _watch(runtime: Runtime, every_s: float) -> None:
    while True:
        while not runtime.dead:
            if runtime.state is State.CLOSED:
                return
            time.sleep(every_s)
        get_logger().critical("engine.dead", ends_in_s=_GRACE_S, exit_status=EXIT_STATUS)
        time.sleep(_GRACE_S)
        if runtime.dead:
            break
        # A process that was frozen in the middle of a step has ended that step meanwhile.
        if runtime.state is not State.CLOSED:
            get_logger().warning("engine.alive")
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: a step that hangs in the device's driver would keep the interpreter from ending.
    os._exit(EXIT_STATUS)
