"""HTTP as both kinds of askers need it: a client with the key, and errors that say what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from agent.ask.address import Address
from agent.ask.event import json_of
from agent.ask.failure import Failure
from agent.errors import Unavailable

_CONNECT_S = 10.0
# A stream says something every 15 s, and a route of the platform waits for less.
_SILENT_S = 90.0


def client_of(address: Address, headers: dict[str, str]) -> httpx.AsyncClient:
    """A client that follows no redirect, so that the key goes nowhere else."""
    return httpx.AsyncClient(
        headers=headers,
        timeout=httpx.Timeout(_CONNECT_S, read=_SILENT_S),
        # A proxy that the environment names does not know this machine's ports.
        trust_env=not address.is_loopback,
    )


@contextmanager
def reaching(address: Address, request_id: str) -> Iterator[None]:
    """Around everything that needs the network.

    Raises:
        Failure: the server cannot be reached, or has left.
    """
    try:
        yield
    except httpx.HTTPError as error:
        said = str(error) or type(error).__name__
        message = f"{address.url} cannot be reached, or has broken off: {said}"
        raise Failure.of(Unavailable(message, reason="unreachable"), request_id) from error


async def refusal(response: httpx.Response, request_id: str) -> Failure:
    """What a status that is not 2xx means: the problem in the body, or that of the platform, or nothing known."""
    try:
        body = json_of(await response.aread(), request_id)
    except Failure:
        body = None
    if isinstance(body, dict) and isinstance(body.get("code"), str):
        return Failure(body)
    said = body.get("error") if isinstance(body, dict) else None
    status = response.status_code
    detail = said if isinstance(said, str) else f"The server answered with status {status}, and not as an Askpod does."
    codes = {401: "unauthorized", 403: "forbidden", 404: "not_found", 429: "quota_exceeded"}
    problem = {"status": status, "detail": detail, "request_id": request_id, "retryable": status == 429}
    return Failure(problem | {"code": codes.get(status, "unavailable" if status >= 500 else "invalid_request")})
