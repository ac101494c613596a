"""JSON as the platform's routes send it."""

import json

from starlette.responses import Response


def reply(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A response with a JSON value.

    Escaped to ASCII: what a client or a worker sent may hold half a surrogate pair, which has no UTF-8.
    """
    return Response(encoded(content), status, headers, media_type="application/json")


def encoded(content: object) -> bytes:
    """A JSON value, as bytes of ASCII."""
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")
