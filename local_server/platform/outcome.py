"""What a worker posts about a job, and what comes of it (runpod 1.12.0, rp_job.py and rp_progress.py)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# An output that was not sent is not the output null.
NOTHING = object()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A job-done body.

    Attributes:
        output: any JSON value, or NOTHING.
        error: what a failed job says; None for one that did not fail.
        progress: the job goes on, and `output` is how far it is.
        stop_worker: the worker wants to be replaced.
    """

    output: Any = NOTHING
    error: str | None = None
    progress: bool = False
    stop_worker: bool = False

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Outcome":
        """As the platform reads it: an error that is no string makes no failure (runpod-python issue 299)."""
        error = body.get("error")
        return cls(
            NOTHING if error is not None and not isinstance(error, str) else body.get("output", NOTHING),
            error if isinstance(error, str) else None,
            body.get("status") == "IN_PROGRESS",
            body.get("stopPod") is True,
        )

    @classmethod
    def too_large(cls, most_bytes: int) -> "Outcome":
        """Instead of a result that is over the limit: nobody would send it again."""
        return cls(error=f"The result is larger than {most_bytes} bytes.")


def returned(result: object) -> Outcome:
    """Of what a handler in this process returned: what the SDK would post (rp_job.py, `run_job`)."""
    if not isinstance(result, dict):
        return Outcome(result)
    rest = {key: value for key, value in result.items() if key not in ("error", "refresh_worker")}
    body = {"output": rest} if rest else {}
    return Outcome.of(body | {"error": result["error"]} if result.get("error") else body)
