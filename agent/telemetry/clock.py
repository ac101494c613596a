"""How long things take, in the one form in which logs, traces and answers say it."""

import time
from collections.abc import Callable

# Is told a part of loading and its milliseconds.
Phase = Callable[[str, float], None]


def ms_since(started: float) -> float:
    """Milliseconds since `started`, a reading of `time.monotonic`, to a tenth."""
    return round((time.monotonic() - started) * 1000, 1)


def untold(_name: str, _ms: float) -> None:
    """A `Phase` where nobody wants to know."""
