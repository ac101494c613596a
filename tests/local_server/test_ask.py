"""POST /v1/ask over a real socket, with a scripted engine."""

import json
import threading
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from agent.engine.no_engine import NoEngine
from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.schemas import Answer, AskRequest
from agent.settings import Settings
from tests.fakes.loading import DOCUMENTS, scripted_loader
from tests.local_server.conftest import Log
from tests.local_server.serving import ANSWER, ENDLESS, JSON_TYPE, QUESTION, QUOTE, SENTENCE, problem, serving, wait

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
# Fields that exist, with values that may or may not fit.
FIELDS = st.dictionaries(st.sampled_from(sorted(AskRequest.model_fields)), JSON, max_size=4)
QUESTIONS = st.builds(lambda fields: {"question": QUESTION, "timeout_s": 5, **fields}, FIELDS)
BODIES = st.binary(max_size=300) | (JSON | FIELDS | QUESTIONS).map(lambda value: json.dumps(value).encode())


def test_a_question_is_answered_with_its_citation(client: httpx.Client) -> None:
    """The same object as on the queue; the quote is in the document, where the citation says."""
    response = client.post("/v1/ask", json={"question": QUESTION}, headers={"X-Request-ID": "mine-1"})
    answer = Answer.model_validate_json(response.content)
    assert (200, "application/json") == (response.status_code, response.headers["content-type"])
    assert (ANSWER, "mine-1", False) == (answer.answer, answer.request_id, answer.abstained)
    (citation,) = answer.citations
    assert citation.quote == DOCUMENTS[citation.source][citation.start : citation.end]


def test_spanish_comes_through_unharmed(client: httpx.Client) -> None:
    """UTF-8 in and out: the small talk's answer has an inverted exclamation mark."""
    response = client.post("/v1/ask", content='{"question": "¡Hola!"}'.encode(), headers=JSON_TYPE)
    assert ("es", "¡Hola!") == (response.json()["language"], response.json()["answer"][:6])


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "question"),
        ({"question": ""}, "question"),
        ({"question": " \n "}, "question"),
        ({"question": "a" * 4001}, "question"),
        ({"question": 5}, "question"),
        ({"question": None}, "question"),
        ({"question": ["a", "list"]}, "question"),
        ({"question": QUESTION, "colour": "red"}, "colour"),
        ({"question": QUESTION, "top_k": 0}, "top_k"),
        ({"question": QUESTION, "top_k": 21}, "top_k"),
        ({"question": QUESTION, "top_k": "4"}, "top_k"),
        ({"question": QUESTION, "stream": 1}, "stream"),
        ({"question": QUESTION, "timeout_s": 601}, "timeout_s"),
        ({"question": QUESTION, "history": [{"role": "system", "content": "x"}]}, "history.0.role"),
        ({"question": QUESTION, "history": [{"role": "user", "content": "x"}] * 41}, "history"),
        ({"question": QUESTION, "mode": "guess"}, "mode"),
        ({"question": QUESTION, "language": "fr"}, "language"),
        ({"question": QUESTION, "filters": {"source": 1}}, "filters.source"),
    ],
)
def test_an_invalid_field_is_named(client: httpx.Client, fields: dict[str, Any], param: str) -> None:
    """422 with the field's path; a good question is answered right after."""
    body = problem(client.post("/v1/ask", json=fields), 422, "invalid_request")
    assert (param, False) == (body["param"], body["retryable"])
    assert param in body["detail"]
    assert 200 == client.post("/v1/ask", json={"question": QUESTION}).status_code


FOREIGN = "Quel port le serveur HTTP utilise-t-il ? "
LONGEST = {
    "english": QUESTION + " Please say." * 400,
    "spanish": "¿En qué puerto escucha el servidor HTTP?" + " Dilo." * 700,
    "french": FOREIGN * 100,
    "one word": "x" * 4000,
    "emoji": "🙂" * 4000,
    "no spaces to cut at": "¿y" * 2000,
    "lines": "port\n" * 800,
}


@pytest.mark.parametrize("question", LONGEST.values(), ids=LONGEST.keys())
def test_the_longest_question_is_answered_in_time(client: httpx.Client, question: str) -> None:
    """4,000 characters get an answer with its sources or an abstention; one character more is refused."""
    question = question.strip()[:4000].strip()
    answer = Answer.model_validate_json(client.post("/v1/ask", json={"question": question, "timeout_s": 10}).content)
    assert answer.abstained or answer.citations
    too_long = client.post("/v1/ask", json={"question": question + "x" * (4001 - len(question))})
    problem(too_long, 422, "invalid_request")


def test_a_follow_up_needs_the_history(client: httpx.Client) -> None:
    """With it the question is searched together with the one before; without it there is nothing to search for."""
    history = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": "On port 8000."}]
    with_it, without = (
        Answer.model_validate_json(client.post("/v1/ask", json={"question": "Why does it?", **fields}).content)
        for fields in ({"history": history}, {})
    )
    assert ("followup", "server.md") == (with_it.route, with_it.citations[0].source)
    assert (True, "underspecified", []) == (without.abstained, without.reason, without.nearest)


def test_an_abstention_says_why_and_what_came_closest(client: httpx.Client) -> None:
    """In JSON: the reason, and passages with text, offsets, headings and page; null members are there, not left out."""
    body = client.post("/v1/ask", json={"question": "Who painted Mona Lisa?"}).json()
    assert (True, "out_of_corpus", [], False) == tuple(
        body[name] for name in ("abstained", "reason", "citations", "grounded")
    )
    places = {"source", "title", "heading", "date", "page", "line", "start", "end", "passage", "passage_start", "score"}
    assert {"text", *places} == set(body["nearest"][0])
    for nearest in body["nearest"]:
        assert nearest["text"] == DOCUMENTS[nearest["source"]][nearest["start"] : nearest["end"]]
    answered = client.post("/v1/ask", json={"question": QUESTION}).json()
    assert (None, []) == (answered["reason"], answered["nearest"])
    assert ("The server", None) == (answered["citations"][0]["heading"], answered["citations"][0]["page"])


def test_a_question_about_the_documents_names_them(client: httpx.Client) -> None:
    """Route `corpus`, the titles, and no citation."""
    body = client.post("/v1/ask", json={"question": "¿De qué tratan los documentos?"}).json()
    assert ("corpus", [], False) == (body["route"], body["citations"], body["abstained"])
    assert "El servidor" in body["answer"]


def test_extractive_quotes_without_a_model(client: httpx.Client) -> None:
    """No token is spent."""
    body = client.post("/v1/ask", json={"question": QUESTION, "mode": "extractive"}).json()
    assert (QUOTE, 0, 0) == (body["answer"], *(body["usage"][name] for name in ("prompt_tokens", "completion_tokens")))


@pytest.mark.parametrize("stream", [False, True])
def test_generative_without_a_language_model_is_refused(settings: Settings, stream: bool) -> None:
    """422 no_language_model, also where a stream was asked for; auto and extractive are answered."""
    with serving(Runtime(settings, scripted_loader(NoEngine()))) as client:
        refused = client.post("/v1/ask", json={"question": QUESTION, "mode": "generative", "stream": stream})
        assert "mode" == problem(refused, 422, "no_language_model")["param"]
        answers = [client.post("/v1/ask", json={"question": QUESTION, "mode": mode}) for mode in ("auto", "extractive")]
        assert "none" == client.get("/health").json()["loaded"]["model"]
    assert [(QUOTE, "none")] * 2 == [(answer.json()["answer"], answer.json()["model"]) for answer in answers]


def test_what_is_wrong_is_not_sent_back(client: httpx.Client) -> None:
    """The error names the field and the rule; the value stays out of it."""
    response = client.post("/v1/ask", json={"question": "a private matter " * 400, "top_k": "confidential"})
    problem(response, 422, "invalid_request")
    assert "private" not in response.text
    assert "confidential" not in response.text


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"adapter": "nobody"}, "unknown_adapter"), ({"filters": {"colour": "red"}}, "unknown_filter")],
)
def test_an_unknown_name_is_refused(client: httpx.Client, fields: dict[str, Any], code: str) -> None:
    """Adapters and filters that do not exist have codes of their own."""
    problem(client.post("/v1/ask", json={"question": QUESTION, **fields}), 422, code)


@pytest.mark.parametrize("field", [r'"\ud800": 1', r'"adapter": "\ud800"', r'"filters": {"\ud800": "x"}'])
def test_half_a_surrogate_pair_is_refused(client: httpx.Client, field: str) -> None:
    """JSON can spell it and UTF-8 cannot; the answer is a 4xx that can be sent."""
    content = f'{{"question": "{QUESTION}", {field}}}'
    assert 422 == client.post("/v1/ask", content=content, headers=JSON_TYPE).status_code


def test_too_many_questions_at_once_are_refused(settings: Settings) -> None:
    """One place and no queue: the second question gets 503 and Retry-After; the first is answered; then one more."""
    slow = ScriptedEngine(lambda _prompt: SENTENCE, delay_s=0.1, capacity=1)
    runtime = Runtime(settings.model_copy(update={"max_queue": 0}), scripted_loader(slow))
    with serving(runtime) as client:
        statuses: list[int] = []

        def ask() -> None:
            statuses.append(client.post("/v1/ask", json={"question": QUESTION}).status_code)

        first = threading.Thread(target=ask)
        first.start()
        wait(lambda: slow.stats().running == 1)
        refused = client.post("/v1/ask", json={"question": QUESTION})
        assert problem(refused, 503, "overloaded")["retryable"]
        assert "2" == refused.headers["retry-after"]
        first.join()
        ask()
        assert [200, 200] == statuses


def test_a_deadline_ends_the_work(settings: Settings) -> None:
    """504, and the engine has stopped; its place is free again."""
    slow = ScriptedEngine(lambda _prompt: ENDLESS, delay_s=0.2, capacity=1)
    runtime = Runtime(settings.model_copy(update={"max_queue": 0}), scripted_loader(slow))
    with serving(runtime) as client:
        for times in (1, 2):
            response = client.post("/v1/ask", json={"question": QUESTION, "timeout_s": 0.3})
            assert problem(response, 504, "deadline_exceeded")["retryable"]
            assert (times, 0) == (slow.cancelled, slow.stats().running)


def test_an_engine_that_fails_says_nothing_of_python(settings: Settings, log: Log) -> None:
    """A failed generation and a crash nobody foresaw have codes; what was thrown is in the log only."""
    thrown: list[Exception] = [RuntimeError("secret in a failure"), KeyError("secret in a crash")]

    def script(_prompt: str) -> str:
        raise thrown.pop(0)

    with serving(Runtime(settings, scripted_loader(ScriptedEngine(script)))) as client:
        failed = client.post("/v1/ask", json={"question": QUESTION}, headers={"X-Request-ID": "failed"})
        crashed = client.post("/v1/ask", json={"question": QUESTION}, headers={"X-Request-ID": "crashed"})
    problem(failed, 500, "generation_failed")
    problem(crashed, 500, "internal_error")
    assert "secret" not in failed.text + crashed.text
    assert {"failed": ["generation_failed"], "crashed": ["internal_error"]} == log.outcomes()
    assert "secret in a failure" in log.text
    assert "secret in a crash" in log.text


def test_every_question_leaves_one_line_without_its_text(client: httpx.Client, log: Log) -> None:
    """Answered, refused by the service and refused before it: one canonical line each, under the request's id."""
    bodies: dict[str, dict[str, Any]] = {
        "answered": {"question": QUESTION},
        "unknown_adapter": {"question": QUESTION, "adapter": "nobody"},
        "invalid_request": {"question": QUESTION, "colour": "red"},
    }
    for outcome, body in bodies.items():
        client.post("/v1/ask", json=body, headers={"X-Request-ID": outcome})
    assert {outcome: [outcome] for outcome in bodies} == log.outcomes()
    assert QUESTION not in log.text
    assert SENTENCE not in log.text


def test_the_line_says_what_was_decided_and_what_it_took(client: httpx.Client, log: Log) -> None:
    """Of an answer and of an abstention: route, mode, reason, confidence, model and index, tokens and times."""
    for name, body in {
        "answered": {"question": QUESTION, "mode": "extractive"},
        "abstained": {"question": "Who painted Mona Lisa?"},
    }.items():
        client.post("/v1/ask", json=body, headers={"X-Request-ID": name})
    answered, abstained = log.lines("ask.done")
    expected = {"outcome": "answered", "route": "question", "mode": "extractive", "reason": None, "citations": 1}
    assert expected.items() <= answered.items()
    expected = {"outcome": "abstained", "route": "question", "mode": "auto", "reason": "out_of_corpus", "citations": 0}
    assert expected.items() <= abstained.items()
    assert {
        "language", "model", "adapter", "index", "grounded", "confidence", "cold_start", "prompt_tokens",
        "cached_tokens", "completion_tokens", "queue_ms", "retrieval_ms", "generation_ms",
        "time_to_first_token_ms", "total_ms", "request_id", "transport", "key_id", "job_id",
    } <= set(answered)  # fmt: skip
    assert ["router", "retriever", "context", "verifier"] == [
        line["step"] for line in log.lines("ask.step") if line["request_id"] == "answered"
    ]


@hypothesis_settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES)
def test_no_body_causes_an_unplanned_error(client: httpx.Client, body: bytes) -> None:
    """Arbitrary bytes and JSON get an answer, or a planned 4xx whose body has a code, a request id and retryable."""
    response = client.post("/v1/ask", content=body, headers=JSON_TYPE)
    assert response.status_code in (200, 400, 422)
    if response.status_code != 200:
        assert {"code", "request_id", "retryable"} <= set(response.json())
