"""Events as a server sends them: from bytes to `AskEvent`."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from agent.ask.failure import Failure
from agent.errors import InternalError
from agent.schemas import Answer, AskEvent, closing_events

_KINDS: dict[str, type[BaseModel]] = {kind.model_fields["type"].default: kind for kind in get_args(AskEvent)}
# An answer has a few thousand; whoever sends a line of more is no Askpod.
_MOST_BYTES = 16 * 2**20


async def sent_events(chunks: AsyncIterator[bytes], request_id: str) -> AsyncGenerator[tuple[str, str], None]:
    """Name and data of server-sent events (WHATWG HTML, 9.2.6), of lines that end in a newline.

    Only newlines end a line here: httpx's own lines end at U+2028 as well, which stands unescaped in JSON.

    Raises:
        Failure: a line has no end.
    """
    rest, name, data = b"", "", list[str]()
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _MOST_BYTES:
            raise strange(request_id)
        for line in (line.removesuffix(b"\r").decode("utf-8", "replace") for line in lines):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif not line:
                if data:
                    yield name, "\n".join(data)
                name, data = "", []


def event_of(value: object, request_id: str) -> AskEvent | None:
    """The event in a JSON object; None for one that this version does not know.

    Raises:
        Failure: it is no event.
    """
    if not isinstance(value, dict):
        raise strange(request_id)
    kind = _KINDS.get(str(value.get("type")))
    return None if kind is None else _read(kind, value, request_id)


def events_of_answer(value: object, request_id: str) -> list[AskEvent]:
    """The events that close an answer which came in one piece.

    Raises:
        Failure: it is no answer.
    """
    return closing_events(_read(Answer, value, request_id))


def json_of(text: str | bytes, request_id: str) -> Any:  # noqa: ANN401 - any JSON value
    """What a server sent.

    Raises:
        Failure: it is no JSON.
    """
    try:
        return json.loads(text)
    # Text that is nested too deep ends the parser.
    except (ValueError, RecursionError) as error:
        raise strange(request_id) from error


def strange(request_id: str) -> Failure:
    """Of a server that is something else, or much newer."""
    return Failure.of(InternalError("This is not how an Askpod of this version answers."), request_id)


def _read(kind: type[BaseModel], value: object, request_id: str) -> Any:  # noqa: ANN401 - a `kind`
    try:
        # Fields of a newer server say nothing here.
        return kind.model_validate(value, extra="ignore")
    except ValidationError as error:
        raise strange(request_id) from error
