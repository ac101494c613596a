"""How often an address has come with a wrong key."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from agent.errors import TooManyAttempts

_MINUTE_S = 60.0
# So many addresses are remembered; the one that was seen first is forgotten for another.
_MOST = 10_000


class Attempts:
    """Failures by address, in windows of a minute.

    Args:
        per_minute: so many are told that their key is wrong, the rest that there were too many; 0 is no limit.
        clock: seconds that never go back.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        # Address: when its window began, and failures in it.
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def failed(self, address: str) -> None:
        """One more.

        Raises:
            TooManyAttempts: there have been more than is allowed.
        """
        now = self._clock()
        began, count = self._failures.get(address, (now, 0))
        if now - began >= _MINUTE_S:
            began, count = now, 0
        self._failures[address] = (began, count + 1)
        if len(self._failures) > _MOST:
            self._failures.popitem(last=False)
        if self._per_minute and count >= self._per_minute:
            raise TooManyAttempts(retry_after_s=math.ceil(began + _MINUTE_S - now))
