"""The platform's rate limits, by route: so many in 10 seconds, and so many at once."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from local_server.platform.errors import TooMany

_WINDOW_S = 10.0
# Requests in 10 s, requests at once; as the platform documents them for an endpoint with few workers.
LIMITS = {
    "run": (1000, 200),
    "runsync": (2000, 400),
    "status": (2000, 400),
    "stream": (2000, 400),
    "cancel": (100, 20),
    "purge-queue": (2, 2),
    "openai": (2000, 400),
    "requests": (10, 2),
}


class Rates:
    """Counts.

    Args:
        factor: share of the platform's limits; 0 is none.
        clock: seconds that never go back.
    """

    def __init__(self, factor: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._factor = factor
        self._clock = clock
        self._came: dict[str, deque[float]] = {name: deque() for name in LIMITS}
        self._open = dict.fromkeys(LIMITS, 0)

    @contextmanager
    def counted(self, route: str) -> Iterator[None]:
        """One request, while it is answered.

        Raises:
            TooMany: it is one too many; it does not count.
        """
        if self._factor == 0:
            yield
            return
        now, came = self._clock(), self._came[route]
        while came and now - came[0] >= _WINDOW_S:
            came.popleft()
        often, at_once = (max(1, round(limit * self._factor)) for limit in LIMITS[route])
        if len(came) >= often:
            raise TooMany(f"At most {often} requests of this kind in {_WINDOW_S:g} s.")
        if self._open[route] >= at_once:
            raise TooMany(f"At most {at_once} requests of this kind at once.")
        came.append(now)
        self._open[route] += 1
        try:
            yield
        finally:
            self._open[route] -= 1
