"""handler(job) in process, with a scripted engine."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import handler.handler as module
from agent.engine.no_engine import NoEngine
from agent.engine.scripted import ScriptedEngine
from agent.load_errors import StoreMissing
from agent.loading import Loaded
from agent.runtime import Runtime
from agent.settings import Settings
from agent.telemetry.clock import Phase
from handler.handler import answer, cold_start, handler
from tests.fakes.loading import scripted_loader

# With halves of surrogate pairs, which JSON can carry and UTF-8 cannot.
TEXT = st.text(st.characters())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=10,
)


@pytest.fixture
def engine(settings: Settings) -> Iterator[ScriptedEngine]:
    """A handler whose models are scripted, loaded as at cold start."""
    scripted = ScriptedEngine(lambda _prompt: "The HTTP server listens on port 8000 by default.", adapters=("tiny",))
    runtime = cold_start(settings, scripted_loader(scripted))
    yield scripted
    runtime.close()
    module.RUNTIME = None


async def ask(job_id: str | None = None, **fields: Any) -> dict[str, Any]:
    return await handler({"id": job_id or uuid.uuid4().hex, "input": fields})


def code_of(result: dict[str, Any]) -> str:
    assert ["error"] == list(result)
    return str(json.loads(result["error"])["code"])


async def test_a_job_gets_an_answer_with_its_citation(engine: ScriptedEngine) -> None:
    """The draft is kept because a source sentence says the same, and that sentence is cited."""
    result = await ask("job-1", question="Which port does the HTTP server listen on?")
    assert "The HTTP server listens on port 8000 by default. [1]" == result["answer"]
    assert ["server.md"] == [citation["source"] for citation in result["citations"]]
    assert "job-1" == result["request_id"]
    assert ["router", "retriever", "context", "answerer", "verifier"] == [step["name"] for step in result["trace"]]


@pytest.mark.parametrize(
    ("job", "code"),
    [
        ({"id": "x"}, "malformed_body"),
        ({"id": "x", "input": ["question"]}, "malformed_body"),
        ({"id": "x", "input": "question"}, "malformed_body"),
        ({"id": "x", "input": {}}, "invalid_request"),
        ({"id": "x", "input": {"question": ""}}, "invalid_request"),
        ({"id": "x", "input": {"question": "  "}}, "invalid_request"),
        ({"id": "x", "input": {"question": "a" * 4001}}, "invalid_request"),
        ({"id": "x", "input": {"question": 5}}, "invalid_request"),
        ({"id": "x", "input": {"question": "port?", "colour": "red"}}, "invalid_request"),
        ({"id": "x", "input": {"question": "port?", "\ud800": 1}}, "invalid_request"),
        ({"id": "x", "input": {"question": "\ud800"}}, "invalid_request"),
        ({"id": "x", "input": {"question": "port?", "filters": {"source": "\ud800"}}}, "invalid_request"),
        ({"id": "x", "input": {"question": "port?", "filters": {"\ud800": "a"}}}, "invalid_request"),
        ({"id": "x", "input": {"question": "port?", "top_k": 0}}, "invalid_request"),
        ({"id": "x", "input": {"question": "port?", "temperature": "0.5"}}, "invalid_request"),
        ({"id": "x", "input": {"question": "port?", "timeout_s": True}}, "invalid_request"),
        ({"id": "x", "input": {"question": "port?", "top_k": 21}}, "invalid_request"),
        ({"id": "x", "input": {"question": "port?", "mode": "guess"}}, "invalid_request"),
        ({"id": "x", "input": {"question": "port?", "history": [{"role": "tool", "content": "x"}]}}, "invalid_request"),
        ({"id": "x", "input": {"question": "port?", "adapter": "nobody"}}, "unknown_adapter"),
        ({"id": "x", "input": {"question": "port?", "filters": {"colour": "red"}}}, "unknown_filter"),
    ],
)
async def test_a_bad_job_gets_one_clear_error(engine: ScriptedEngine, job: dict[str, Any], code: str) -> None:
    """The error is a JSON string with a code; the next job is answered."""
    assert code == code_of(await handler(job))
    assert "answer" in await ask(question="Which port does the HTTP server listen on?")


async def test_small_talk_needs_no_documents(engine: ScriptedEngine) -> None:
    """A greeting is answered in its language, without retrieval and without a model."""
    result = await ask(question="Hola")
    assert ("smalltalk", "es", []) == (result["route"], result["language"], result["citations"])
    assert [] == engine.prompts


async def test_a_question_beyond_the_documents_is_not_answered(engine: ScriptedEngine) -> None:
    """The answer says so, cites nothing, and no model was asked."""
    result = await ask(question="Who painted the Mona Lisa in Florence?")
    assert (True, [], "The documents do not say.") == (result["abstained"], result["citations"], result["answer"])
    assert [] == engine.prompts


async def test_an_abstention_says_why_and_what_came_closest(engine: ScriptedEngine) -> None:
    """The output has the reason and the nearest passages, as over HTTP; an answer has its headings and page."""
    result = await ask(question="Who painted the Mona Lisa in Florence?")
    assert "out_of_corpus" == result["reason"]
    place = {"source", "title", "heading", "date", "page", "line", "start", "end", "passage", "passage_start", "score"}
    assert place | {"text"} == set(result["nearest"][0])
    answered = await ask(question="Which port does the HTTP server listen on?")
    assert (None, []) == (answered["reason"], answered["nearest"])
    assert ("The server", None) == (answered["citations"][0]["heading"], answered["citations"][0]["page"])


async def test_without_a_language_model_generative_is_refused(settings: Settings) -> None:
    """no_language_model on the queue as over HTTP; the same worker quotes."""
    runtime = cold_start(settings, scripted_loader(NoEngine()))
    try:
        question = "Which port does the HTTP server listen on?"
        assert "no_language_model" == code_of(await ask(question=question, mode="generative"))
        assert "8000" in (await ask(question=question))["answer"]
    finally:
        runtime.close()
        module.RUNTIME = None


async def test_an_unsupported_draft_is_replaced_by_the_source(engine: ScriptedEngine) -> None:
    """What no source sentence says never reaches the caller."""
    engine._script = lambda _prompt: "The HTTP server listens on port 9999 by default."
    result = await ask(question="Which port does the HTTP server listen on?")
    assert "The HTTP server listens on port 8000 by default. The key goes in X-API-KEY. [1]" == result["answer"]


async def test_an_adapter_can_be_named_or_refused_per_request(engine: ScriptedEngine) -> None:
    """Left out it is the default one, null is the base model."""
    question = "Which port does the HTTP server listen on?"
    await ask(question=question)
    await ask(question=question, adapter=None)
    await ask(question=question, adapter="tiny")
    assert ["tiny", None, "tiny"] == engine.adapters_used


async def test_an_engine_that_fails_does_not_leak(engine: ScriptedEngine) -> None:
    """The caller sees generation_failed and nothing of the exception."""

    def fail(_prompt: str) -> str:
        raise RuntimeError("secret path /etc")

    engine._script = fail
    result = await ask(question="Which port does the HTTP server listen on?")
    assert "generation_failed" == code_of(result)
    assert "secret" not in result["error"]


async def test_cancelling_a_job_stops_its_generation(settings: Settings) -> None:
    """The SDK cancels the handler's task; the engine's generation ends with it."""
    slow = ScriptedEngine(lambda _prompt: "one two three four five six", delay_s=5.0)
    runtime = cold_start(settings, scripted_loader(slow))
    try:
        job = asyncio.create_task(ask(question="Which port does the HTTP server listen on?"))
        while not slow.prompts:
            await asyncio.sleep(0.01)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        assert (1, 0) == (slow.cancelled, slow.stats().running)
    finally:
        runtime.close()
        module.RUNTIME = None


async def test_jobs_wait_out_a_failed_load(settings: Settings) -> None:
    """While loading fails jobs get model_unavailable with the reason; the same process answers once it succeeds."""
    store_is_there = False
    good = scripted_loader()

    def loader(settings: Settings, phase: Phase) -> Loaded:
        if not store_is_there:
            raise StoreMissing("There is no store.")
        return good(settings, phase)

    runtime = cold_start(settings, loader)
    try:
        failed = json.loads((await ask(question="port?"))["error"])
        assert ("model_unavailable", "store_missing", True) == tuple(
            failed[name] for name in ("code", "reason", "retryable")
        )
        store_is_there = True
        while not runtime.ready:
            await asyncio.sleep(0.01)
        assert "answer" in await ask(question="Which port does the HTTP server listen on?")
    finally:
        runtime.close()
        module.RUNTIME = None


@hypothesis_settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(job=JSON | st.fixed_dictionaries({"id": JSON, "input": JSON}))
def test_no_job_ever_escapes(engine: ScriptedEngine, job: object) -> None:
    """Whatever the job is, the result has exactly one of answer and error, and the SDK can send it."""
    result = asyncio.run(handler(job))
    assert ("answer" in result) != ("error" in result)
    # As rp_http.py does; what raises there is lost.
    json.dumps(result, ensure_ascii=False).encode()


@pytest.mark.parametrize("job_id", ["", "a b", "a\nforged: line", "\u202e", "\ud800", "x" * 65, None, 7, ["a"]])
async def test_a_job_id_that_is_not_safe_to_log_is_replaced(engine: ScriptedEngine, job_id: object) -> None:
    """The answer then carries a request id of our own, of letters and digits."""
    result = await handler({"id": job_id, "input": {"question": "Hello"}})
    assert result["request_id"].isalnum()
    assert job_id != result["request_id"]


async def test_every_output_is_a_fresh_object(engine: ScriptedEngine) -> None:
    """The SDK takes keys out of what it is given; the next answer must not miss them."""
    first = await ask(question="Hello")
    first.clear()
    assert "answer" in await ask(question="Hello")


def test_many_first_jobs_load_once(settings: Settings) -> None:
    """Whoever calls `cold_start` at the same time gets the same runtime, loaded once."""
    loads: list[Settings] = []
    good = scripted_loader()

    def loader(settings: Settings, phase: Phase) -> Loaded:
        loads.append(settings)
        return good(settings, phase)

    try:
        with ThreadPoolExecutor(8) as pool:
            runtimes = list(pool.map(lambda _: cold_start(settings, loader), range(8)))
        assert 1 == len(loads)
        assert {id(module.RUNTIME)} == {id(runtime) for runtime in runtimes}
    finally:
        module.shut_down()
        module.RUNTIME = None


async def test_a_job_may_be_what_starts_the_loading(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a cold start before it, the first job loads what the environment names, and reports what is missing."""
    monkeypatch.setenv("RAG_STORE", str(tmp_path / "nowhere"))
    try:
        failed = json.loads((await ask(question="Which port?"))["error"])
        assert ("model_unavailable", "store_missing") == (failed["code"], failed["reason"])
        assert str(tmp_path) not in json.dumps(failed)
    finally:
        module.shut_down()
        module.RUNTIME = None


async def test_a_job_that_is_delivered_again_is_not_done_again(engine: ScriptedEngine) -> None:
    """Whether its twin runs or has ended: one generation, the same answer; another question under its id is refused."""
    question = "Which port does the HTTP server listen on?"
    results = await asyncio.gather(*(ask("job-2", question=question) for _ in range(100)))
    results.append(await ask("job-2", question=question))
    assert all(result == results[0] for result in results)
    assert "port 8000" in results[0]["answer"]
    assert 1 == len(engine.prompts)
    assert "idempotency_conflict" == code_of(await ask("job-2", question="Hello"))


async def test_a_jobs_policy_is_its_deadline(settings: Settings) -> None:
    """Where it is shorter than the service's own."""
    slow = Runtime(settings, scripted_loader(ScriptedEngine(lambda _prompt: "one two three", delay_s=5)))
    slow.load()
    job = {"id": "late", "input": {"question": "Which port?"}, "policy": {"executionTimeout": 300}}
    assert "deadline_exceeded" == code_of(await answer(job, slow))
    slow.close()
