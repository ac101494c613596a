"""Every refusal of the emulated platform: a status and one sentence, as `{"error": "..."}`.

    PlatformError        400
    x BadRequest         400
    x Unknown            404   an endpoint or a job; expired jobs are unknown
    x TooMany            429
    x Stopping           503

A body that cannot be read and a wrong key are `AskError`s as everywhere; here they look like these.
"""

from typing import ClassVar


class PlatformError(Exception):
    """Base; the message is written for the caller."""

    status: ClassVar[int] = 400
    retry_after_s: ClassVar[int | None] = None

    def body(self) -> dict[str, str]:
        """What the caller gets."""
        return {"error": str(self)}


class BadRequest(PlatformError):
    """The body, a field or a parameter is not valid, or the job is in another state than that needs."""


class Unknown(PlatformError):
    """There is no such endpoint, or no such job (any more)."""

    status = 404


class TooMany(PlatformError):
    """More requests than the limit; they may come again later."""

    status = 429
    retry_after_s = 10


class Stopping(PlatformError):
    """The server is about to end."""

    status = 503
    retry_after_s = 5
