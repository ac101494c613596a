"""Turns a decoded JSON value into an `AskRequest`, or into one clear error."""

from pydantic import ValidationError

from agent.errors import InvalidRequest, MalformedBody
from agent.schemas import AskRequest

# Pydantic's own messages are safe to show for these: they name types and limits, never the input.
_UNKNOWN = "extra_forbidden"
_MISSING = "missing"


def parse_request(data: object) -> AskRequest:
    """The request in `data`, one JSON object.

    Raises:
        MalformedBody: `data` is not an object.
        InvalidRequest: a field is missing, unknown, of the wrong type or out of range; `param` names the first one.
    """
    if not isinstance(data, dict):
        raise MalformedBody
    try:
        request = AskRequest.model_validate(data)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        param = ".".join(str(part) for part in problem["loc"])[:80] or None
        raise InvalidRequest(_sentence(param, problem["type"], problem["msg"]), param=param) from error
    # Half a surrogate pair is valid JSON and a valid str, but not text that the store could look up.
    if not all(_is_unicode(part) for pair in request.filters.items() for part in pair):
        raise InvalidRequest("'filters': input should be valid Unicode text.", param="filters")
    return request


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _sentence(param: str | None, kind: str, message: str) -> str:
    # A caller's own key is echoed as a Python literal, so that control characters in it stay harmless.
    name = ascii(param) if param else "The request"
    if kind == _UNKNOWN:
        return f"{name} is not a field of a question."
    if kind == _MISSING:
        return f"{name} is missing."
    return f"{name}: {message[:1].lower()}{message[1:]}."
