"""Reads a request's body, no further than the limit, and decodes it strictly."""

import json
import math
from collections.abc import Iterable
from typing import NoReturn

from starlette.requests import ClientDisconnect, Request

from agent.errors import MalformedBody, PayloadTooLarge, UnsupportedMediaType
from local_server.disconnect import Disconnected

_MOST_LEVELS = 100


async def read_json(request: Request, max_bytes: int, *, any_type: bool = False) -> object:
    """The body as a JSON value; `any_type` does not ask what it is declared as.

    Raises:
        UnsupportedMediaType: it is declared as something else.
        PayloadTooLarge: it is longer than `max_bytes`, whether it says so or not.
        MalformedBody: it is not UTF-8 or not JSON (NaN and Infinity are not), or nested too deeply.
        Disconnected: the caller left before the end of it.
    """
    declared = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if not any_type and declared != "application/json":
        raise UnsupportedMediaType
    body = await read_body(request, max_bytes)
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise MalformedBody(detail=type(error).__name__) from error
    if nests_too_deeply(value):
        raise MalformedBody(detail="nested too deeply")
    return value


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The body.

    Raises:
        PayloadTooLarge, Disconnected: as `read_json`.
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise PayloadTooLarge
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > max_bytes:
                raise PayloadTooLarge
    except ClientDisconnect as error:
        raise Disconnected from error
    return bytes(body)


def nests_too_deeply(value: object) -> bool:
    """Whether a JSON value has more than 100 levels; some hundreds more, and it could not be encoded again."""
    level = [value]
    for _ in range(_MOST_LEVELS):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return False
    return True


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _finite(number: str) -> float:
    """`1e999` is JSON, but no number that could be written again."""
    value = float(number)
    return value if math.isfinite(value) else _refuse(number)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
