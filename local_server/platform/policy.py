"""A job's `policy`: how long it may run and be kept, and whether others go first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_server.platform.errors import BadRequest

_SECOND, _DAY = 1000, 24 * 3600 * 1000
# Milliseconds, as the platform documents them: least, most.
_EXECUTION_TIMEOUT = (5 * _SECOND, 7 * _DAY)
_TTL = (10 * _SECOND, 7 * _DAY)
_KEPT_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Policy:
    """Seconds.

    Attributes:
        execution_timeout_s: a job that has run so long becomes TIMED_OUT.
        ttl_s: so long after it was handed in a job is deleted, even while it runs.
        low_priority: all others are handed out first.
    """

    execution_timeout_s: float = 600.0
    ttl_s: float = _KEPT_S
    low_priority: bool = False

    @classmethod
    def of(cls, body: Mapping[str, Any], execution_timeout_s: float) -> "Policy":
        """That of a request; `execution_timeout_s` is the endpoint's, where the request does not say.

        Raises:
            BadRequest: a field is of the wrong type or out of its range.
        """
        policy = body.get("policy")
        if policy is None:
            policy = {}
        if not isinstance(policy, dict):
            raise BadRequest("'policy' must be an object.")
        low_priority = policy.get("lowPriority", False)
        if not isinstance(low_priority, bool):
            raise BadRequest("'policy.lowPriority' must be true or false.")
        return cls(
            _seconds(policy, "executionTimeout", _EXECUTION_TIMEOUT, execution_timeout_s),
            _seconds(policy, "ttl", _TTL, _KEPT_S),
            low_priority,
        )


def _seconds(policy: Mapping[str, Any], name: str, span: tuple[int, int], default: float) -> float:
    value = policy.get(name)
    if value is None:
        return default
    least, most = span
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadRequest(f"'policy.{name}' must be a number of milliseconds between {least} and {most}.")
    return value / _SECOND
