"""OpenAI's chat completions, as questions and answers (platform.openai.com/docs/api-reference/chat).

The last message is the question, earlier ones of user and assistant the history; `model` picks the adapter. Citations
come twice: as OpenAI's `annotations`, and in full in `citations`, which is ours, as is `blocks`.
"""

import json
import time
from collections.abc import AsyncGenerator, Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.errors import AskError, InvalidRequest, MalformedBody, UnknownModel
from agent.schemas import MAX_HISTORY, MAX_QUESTION_CHARS, Answer, AskRequest
from agent.validation import parse_request

CHAT, MODELS = "/v1/chat/completions", "/v1/models"
# As `model`: whatever the service's default is.
DEFAULT_MODEL = "askpod"
_TAKEN_OVER = ("temperature", "seed")
# Whoever sends one of these wants what no answer from documents gives.
_UNSUPPORTED = ("tools", "tool_choice", "functions", "function_call", "audio", "logprobs")
_WORDS_A_PIECE = 4
# Fields of an answer that OpenAI's protocol has no place for.
_EXTENSION = {"blocks", "citations", "abstained", "reason", "grounded", "confidence"}


@dataclass(frozen=True, slots=True)
class Models:
    """What `model` can be: the base model and the adapters, by name."""

    base: str
    adapters: Sequence[str]

    def body(self) -> dict[str, Any]:
        """Of `GET /v1/models`."""
        names = (DEFAULT_MODEL, self.base, *self.adapters)
        return {
            "object": "list",
            "data": [{"id": name, "object": "model", "created": 0, "owned_by": "askpod"} for name in names],
        }


def question_of(body: object, models: Models) -> AskRequest:
    """The question in a request's body.

    Raises:
        MalformedBody: it is not an object.
        UnknownModel: nothing here is called so.
        InvalidRequest: `messages` or a parameter is not valid, or asks for what there is not; `param` names it.
    """
    if not isinstance(body, dict):
        raise MalformedBody
    for name in _UNSUPPORTED:
        if body.get(name):
            raise InvalidRequest(f"'{name}' is not supported: answers come from documents.", param=name)
    if body.get("n") not in (None, 1):
        raise InvalidRequest("'n' can only be 1: there is one answer.", param="n")
    if (body.get("response_format") or {"type": "text"}) != {"type": "text"}:
        raise InvalidRequest("'response_format' can only be text.", param="response_format")
    *history, question = _turns(body.get("messages"))
    if question["role"] != "user":
        raise InvalidRequest("The last message must be the user's.", param="messages")
    fields = {"question": question["content"], "history": [_shortened(turn) for turn in history[-MAX_HISTORY:]]}
    fields |= {name: body[name] for name in _TAKEN_OVER if body.get(name) is not None}
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    return parse_request(
        fields | _adapter(body.get("model"), models) | ({} if limit is None else {"max_tokens": limit})
    )  # fmt: skip


def completion_of(body: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    """A `chat.completion` for the request that `body` was."""
    message = {"role": "assistant", "content": answer.answer, "refusal": None, "annotations": _annotations(answer)}
    return _head(body, answer.request_id, "chat.completion") | {
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": _usage(answer),
        **_extension(answer),
    }


async def stream_of(body: Mapping[str, Any], request_id: str, coming: Awaitable[Answer]) -> AsyncGenerator[str, None]:
    """The same as server-sent events, when the answer has been verified: a first one, its words, a few at a time, its
    citations, and the end.

    A draft may be replaced when it is verified, and here nothing that was said can be taken back.

    Raises:
        AskError: as `coming` does.
    """
    # Before anything is said: what fails until then has a status of its own.
    answer = await coming
    head = _head(body, request_id, "chat.completion.chunk")
    yield _event(head | {"choices": [_choice({"role": "assistant", "content": ""})]})
    for piece in _pieces(answer.answer):
        yield _event(head | {"choices": [_choice({"content": piece})]})
    yield _event(head | {"choices": [_choice({"annotations": _annotations(answer)}, "stop")], **_extension(answer)})
    options = body.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage") is True:
        yield _event(head | {"choices": [], "usage": _usage(answer)})
    yield "data: [DONE]\n\n"


def failure_of(error: AskError) -> dict[str, Any]:
    """An error in OpenAI's shape."""
    kind = "server_error" if error.status >= 500 else "invalid_request_error"
    code = "model_not_found" if isinstance(error, UnknownModel) else error.code
    return {"error": {"message": error.message, "type": kind, "param": error.param, "code": code}}


def failure_event(error: AskError) -> str:
    """The last event of a stream that fails."""
    return _event(failure_of(error))


def _turns(messages: object) -> list[dict[str, str]]:
    """Role and text of those of user and assistant; what the system says has no place in an answer from documents."""
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest("'messages' must be a list with at least one message.", param="messages")
    turns = []
    for message in messages:
        role = message.get("role") if isinstance(message, dict) else None
        if role in ("user", "assistant"):
            turns.append({"role": role, "content": _text(message.get("content"))})
        elif role not in ("system", "developer"):
            raise InvalidRequest("Messages can be of system, developer, user and assistant.", param="messages")
    if not turns:
        raise InvalidRequest("There must be a message of the user.", param="messages")
    return [turn for turn in turns[:-1] if turn["content"].strip()] + turns[-1:]


def _text(content: object) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    texts = (
        [part.get("text") if isinstance(part, dict) else None for part in content] if isinstance(content, list) else []
    )
    parts = [text for text in texts if isinstance(text, str)]
    if not parts or len(parts) < len(texts):
        raise InvalidRequest("A message's 'content' must be text.", param="messages")
    return "\n".join(parts)


def _shortened(turn: Mapping[str, str]) -> dict[str, str]:
    return {**turn, "content": turn["content"].strip()[:MAX_QUESTION_CHARS]}


def _adapter(model: object, models: Models) -> dict[str, str | None]:
    if model in (None, DEFAULT_MODEL):
        return {}
    if model == models.base:
        return {"adapter": None}
    if isinstance(model, str) and model in models.adapters:
        return {"adapter": model}
    raise UnknownModel(param="model")


def _head(body: Mapping[str, Any], request_id: str, kind: str) -> dict[str, Any]:
    model = body.get("model") or DEFAULT_MODEL
    return {"id": f"chatcmpl-{request_id}", "object": kind, "created": int(time.time()), "model": model}


def _choice(delta: Mapping[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}


def _annotations(answer: Answer) -> list[dict[str, Any]]:
    """One for each citation of each block; the URL is the document's with the characters of the quote (RFC 5147)."""
    cited = {citation.id: citation for citation in answer.citations}
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": block.start,
                "end_index": block.end,
                "title": cited[number].title,
                "url": f"{cited[number].source}#char={cited[number].start},{cited[number].end}",
            },
        }
        for block in answer.blocks
        for number in block.citations
    ]


def _usage(answer: Answer) -> dict[str, Any]:
    usage = answer.usage
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def _extension(answer: Answer) -> dict[str, Any]:
    return answer.model_dump(mode="json", include=_EXTENSION)


def _pieces(text: str) -> Iterator[str]:
    """A few words at a time; together they are the text."""
    words = text.split(" ")
    for at in range(0, len(words), _WORDS_A_PIECE):
        yield (" " if at else "") + " ".join(words[at : at + _WORDS_A_PIECE])


def _event(content: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n"
