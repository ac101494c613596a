"""OpenAI's official client against both doors: /v1, and /v2/ID/openai/v1 through the queue."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.local_server.serving import KEY, QUESTION

MESSAGES: Any = [{"role": "user", "content": QUESTION}]


@pytest.fixture(params=["/v1", "/v2/askpod/openai/v1"])
def client(platform: httpx.Client, request: pytest.FixtureRequest) -> Iterator[openai.OpenAI]:
    """With a worker in the server's process, and with two of their own."""
    url = f"{str(platform.base_url).rstrip('/')}{request.param}"
    with openai.OpenAI(base_url=url, api_key=KEY, max_retries=0) as client:
        yield client


def test_models_are_the_default_the_base_and_the_adapters(client: openai.OpenAI) -> None:
    """As the client lists them."""
    assert ["askpod", "scripted"] == [model.id for model in client.models.list()]


def test_a_completion_is_an_answer_with_citations(client: openai.OpenAI) -> None:
    """The annotations' offsets are those of the cited words in the answer; ours are there in full."""
    completion = client.chat.completions.create(model="askpod", messages=MESSAGES)
    message = completion.choices[0].message
    assert ("stop", "assistant") == (completion.choices[0].finish_reason, message.role)
    assert "port 8000" in (message.content or "")
    (annotation,) = message.annotations or []
    cited = annotation.url_citation
    assert "port 8000" in (message.content or "")[cited.start_index : cited.end_index]
    assert cited.url.startswith("server.md#char=")
    assert completion.usage is not None
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens > 0
    extension = completion.model_extra or {}
    assert ("server.md", False) == (extension["citations"][0]["source"], extension["abstained"])


def test_a_streamed_completion_is_the_same_in_pieces(client: openai.OpenAI) -> None:
    """What was said stands: the pieces are the verified answer."""
    whole = client.chat.completions.create(model="scripted", messages=MESSAGES)
    chunks = list(
        client.chat.completions.create(
            model="scripted", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
    )
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert whole.choices[0].message.content == "".join(delta.content or "" for delta in deltas)
    assert "assistant" == deltas[0].role
    assert ["stop"] == [
        chunk.choices[0].finish_reason for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason
    ]
    assert chunks[-1].usage is not None
    assert 1 == len({chunk.id for chunk in chunks})
    assert (whole.model_extra or {})["citations"] == (chunks[-2].model_extra or {})["citations"]


def test_a_wrong_key_is_told_in_the_clients_words(client: openai.OpenAI) -> None:
    """As an authentication error."""
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").models.list()


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_has_openais_shape(platform: httpx.Client, stream: bool) -> None:
    """With its own status at the HTTP door; with 200 through the queue, as the platform has it."""
    body = {"model": "nobody", "messages": MESSAGES, "stream": stream}
    direct = platform.post("/v1/chat/completions", json=body)
    queued = platform.post("/v2/askpod/openai/v1/chat/completions", json=body)
    assert (404, 200) == (direct.status_code, queued.status_code)
    content = queued.text.removeprefix("data: ").strip()
    error = {"message": direct.json()["error"]["message"], "type": "invalid_request_error", "param": "model",
             "code": "model_not_found"}  # fmt: skip
    assert {"error": error} == direct.json() == json.loads(content)


def test_the_client_raises_what_the_http_door_refuses(platform: httpx.Client) -> None:
    """An unknown model, and a parameter that is not for here."""
    with openai.OpenAI(base_url=f"{str(platform.base_url).rstrip('/')}/v1", api_key=KEY, max_retries=0) as client:
        with pytest.raises(openai.NotFoundError, match="no model of this name"):
            client.chat.completions.create(model="nobody", messages=MESSAGES)
        with pytest.raises(openai.UnprocessableEntityError, match="tools"):
            client.chat.completions.create(
                model="askpod", messages=MESSAGES, tools=[{"type": "function", "function": {"name": "f"}}]
            )


def test_a_job_can_be_in_openais_form(platform: httpx.Client) -> None:
    """As the platform makes one of a request to its OpenAI route."""
    job = {"input": {"openai_route": "/v1/chat/completions", "openai_input": {"messages": MESSAGES}}}
    ended = platform.post("/v2/askpod/runsync", json=job).json()
    assert "COMPLETED" == ended["status"]
    assert "port 8000" in ended["output"]["choices"][0]["message"]["content"]
    unknown = platform.post("/v2/askpod/runsync", json={"input": {"openai_route": "/v1/nothing"}}).json()
    assert ("COMPLETED", "not_found") == (unknown["status"], json.loads(unknown["output"])["error"]["code"])


def test_only_completions_can_be_streams(platform: httpx.Client) -> None:
    """Whatever the body of another route says."""
    for route, key in (("models", "data"), ("nothing", "error")):
        body = platform.post(f"/v2/askpod/openai/v1/{route}", json={"stream": True}).json()
        assert key in body
