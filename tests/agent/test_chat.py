"""OpenAI's chat completions as questions."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.chat import Models, _pieces, completion_of, failure_of, question_of, stream_of
from agent.errors import AskError, InternalError
from agent.schemas import Answer, AskRequest
from tests.fakes.given_answer import Part, Span, answer_of

MODELS = Models("base", ("support", "legal"))
USER = {"role": "user", "content": "Why?"}


def asked(**body: Any) -> AskRequest:
    return question_of({"model": "askpod", "messages": [USER], **body}, MODELS)


def test_the_last_message_is_the_question_and_the_rest_its_history() -> None:
    """What the system says is left out; text may come in parts; an empty turn says nothing."""
    messages = [
        {"role": "system", "content": "You are a pirate."},
        {"role": "user", "content": [{"type": "text", "text": "What is"}, {"type": "text", "text": "LoRA?"}]},
        {"role": "assistant", "content": "An adapter. [1]"},
        {"role": "assistant", "content": None},
        {"role": "user", "content": " And who made it? "},
    ]
    request = asked(messages=messages)
    assert "And who made it?" == request.question
    assert [("user", "What is\nLoRA?"), ("assistant", "An adapter. [1]")] == [
        (turn.role, turn.content) for turn in request.history
    ]


def test_a_long_history_is_shortened() -> None:
    """The latest turns stay, and the beginning of each; a question that is too long is refused."""
    turns = [{"role": "user", "content": f"{number} " + "x" * 9000} for number in range(50)]
    request = asked(messages=[*turns, USER])
    assert [str(number) for number in range(10, 50)] == [turn.content.split()[0] for turn in request.history]
    with pytest.raises(AskError):
        asked(messages=turns)


@pytest.mark.parametrize(
    ("model", "fields"),
    [("askpod", {}), (None, {}), ("base", {"adapter": None}), ("support", {"adapter": "support"})],
)
def test_the_model_picks_the_adapter(model: str | None, fields: dict[str, Any]) -> None:
    """Or the base model, or the service's default."""
    assert fields == asked(model=model).model_dump(exclude_unset=True, include={"adapter"})


def test_parameters_that_mean_something_are_taken_over() -> None:
    """Whatever else clients send is let through."""
    request = asked(
        temperature=0.5, seed=7, max_completion_tokens=9, max_tokens=5, top_p=0.1, user="me", n=1, stop=None
    )
    assert (0.5, 7, 9) == (request.temperature, request.seed, request.max_tokens)
    assert 5 == asked(max_tokens=5).max_tokens


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"model": "nobody"}, "model_not_found", "model"),
        ({"model": 5}, "model_not_found", "model"),
        ({"messages": []}, "invalid_request", "messages"),
        ({"messages": "hi"}, "invalid_request", "messages"),
        ({"messages": [5]}, "invalid_request", "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "invalid_request", "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "invalid_request", "messages"),
        ({"messages": [USER, {"role": "assistant", "content": "x"}]}, "invalid_request", "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "invalid_request", "messages"),
        ({"messages": [{"role": "user", "content": ""}]}, "invalid_request", "question"),
        ({"tools": [{}]}, "invalid_request", "tools"),
        ({"n": 2}, "invalid_request", "n"),
        ({"response_format": {"type": "json_object"}}, "invalid_request", "response_format"),
        ({"temperature": "hot"}, "invalid_request", "temperature"),
        ({"max_tokens": 0}, "invalid_request", "max_tokens"),
    ],
)
def test_what_cannot_be_is_refused_by_name(body: dict[str, Any], code: str, param: str) -> None:
    """In OpenAI's shape: message, type, param, code."""
    with pytest.raises(AskError) as raised:
        asked(**body)
    error = failure_of(raised.value)["error"]
    assert {"message": error["message"], "type": "invalid_request_error", "param": param, "code": code} == error


def test_our_own_faults_are_the_servers() -> None:
    """Clients try those again."""
    assert "server_error" == failure_of(InternalError())["error"]["type"]


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["messages", "role", "content", "model", "text", "user", "n"])
    return st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4)


@given(body=st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), _nested, max_leaves=12))
def test_any_json_is_a_question_or_a_clear_error(body: Any) -> None:
    """Nothing of Python comes out."""
    with suppress(AskError):
        question_of(body, MODELS)


@given(text=st.text(alphabet=" \nab🙂é", max_size=60))
def test_the_pieces_of_an_answer_are_the_answer(text: str) -> None:
    """To the last space."""
    assert text == "".join(_pieces(text))


LISTED = answer_of(
    [
        Part("paragraph", "The steps are:"),
        Part("step", "Stop  it.", (1, 2)),
        Part("item", "with `kill`", (2,), depth=1),
        Part("code", "if x:\n    kill  x\n\n", (1,)),
        Part("header", "| a | b"),
        Part("row", "| 1 | 2", (1,)),
    ],
    [Span("a.md", "Stop it. With kill.", "Stop it."), Span("a.md", "Stop it. With kill.", "With kill.")],
)


def test_each_citation_of_each_block_is_an_annotation() -> None:
    """With the block's place in the Markdown; the blocks themselves come along."""
    completion = completion_of({}, LISTED)
    message = completion["choices"][0]["message"]
    cited = [one["url_citation"] for one in message["annotations"]]
    assert [
        ("Stop  it.", "a.md#char=0,8"), ("Stop  it.", "a.md#char=9,19"), ("with `kill`", "a.md#char=9,19"),
        ("if x:\n    kill  x\n\n", "a.md#char=0,8"), ("| 1 | 2", "a.md#char=0,8"),
    ] == [(message["content"][one["start_index"] : one["end_index"]], one["url"]) for one in cited]  # fmt: skip
    assert LISTED.model_dump(mode="json")["blocks"] == completion["blocks"]


def test_a_stream_is_the_markdown_in_pieces() -> None:
    """Lines, indents and code are kept, and its last chunk has the annotations and the blocks."""

    async def streamed() -> list[str]:
        async def coming() -> Answer:
            return LISTED

        return [event async for event in stream_of({}, "r-1", coming())]

    *events, done = asyncio.run(streamed())
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert "data: [DONE]\n\n" == done
    assert LISTED.answer == "".join(delta.get("content", "") for delta in deltas)
    whole = completion_of({}, LISTED)
    assert whole["choices"][0]["message"]["annotations"] == deltas[-1]["annotations"]
    assert whole["blocks"] == chunks[-1]["blocks"]
