"""What one key may ask for, so that nobody takes the service from the others."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from agent.errors import QuotaExceeded

_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Quota:
    """Of one key; 0 is no limit.

    Attributes:
        concurrency: questions at once.
        per_minute: questions in a minute, as many of them at once as have not been asked lately.
        timeout_s: longest time that a question may take.
    """

    concurrency: int = 0
    per_minute: int = 0
    timeout_s: float = 0.0


UNLIMITED = Quota()


@dataclass(slots=True)
class _Use:
    running: int = 0
    tokens: float = 0.0
    seen: float = 0.0


class Quotas:
    """Counts what keys use. A key's rate is a token bucket: it fills in a minute, and a question takes one out.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._uses: dict[str, _Use] = {}

    @contextmanager
    def question(self, key_id: str | None, quota: Quota) -> Iterator[None]:
        """Around one question of a key; callers without a key have no quota.

        Raises:
            QuotaExceeded: it has asked for too much; `retry_after_s` says when it may ask again.
        """
        if key_id is None or not (quota.concurrency or quota.per_minute):
            yield
            return
        use = self._uses.setdefault(key_id, _Use(tokens=quota.per_minute, seen=self._clock()))
        if quota.concurrency and use.running >= quota.concurrency:
            raise QuotaExceeded(detail=f"{use.running} at once")
        if quota.per_minute:
            self._take(use, quota.per_minute)
        use.running += 1
        try:
            yield
        finally:
            use.running -= 1

    def _take(self, use: _Use, per_minute: int) -> None:
        now, rate = self._clock(), per_minute / _MINUTE_S
        use.tokens, use.seen = min(per_minute, use.tokens + (now - use.seen) * rate), now
        if use.tokens < 1:
            raise QuotaExceeded(
                detail=f"more than {per_minute} a minute", retry_after_s=math.ceil((1 - use.tokens) / rate)
            )  # fmt: skip
        use.tokens -= 1
