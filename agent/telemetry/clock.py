"""How long things take, in the one form in which logs, traces and answers say it."""

import time


def ms_since(started: float) -> float:
    """Milliseconds since `started`, a reading of `time.monotonic`, to a tenth."""
    return round((time.monotonic() - started) * 1000, 1)
