"""The trace of one question."""

import asyncio
import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from structlog.testing import capture_logs

from agent.engine.scripted import ScriptedEngine
from agent.errors import AskError
from agent.runtime import Runtime
from agent.schemas import AskRequest
from agent.settings import Settings
from agent.telemetry import signals, tracing
from agent.telemetry.request_line import Caller
from handler.handler import answer
from handler.streaming import stream
from tests.conftest import ROOT
from tests.fakes.loading import scripted_loader
from tests.local_server.serving import QUESTION, serving

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CALLER = Caller("r-1", "http")


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Every span that ends meanwhile."""
    exporter = InMemorySpanExporter()
    stop = tracing.start(SimpleSpanProcessor(exporter))
    yield exporter
    stop()


def runtime_of(engine: ScriptedEngine | None = None, **settings: object) -> Runtime:
    engine = engine or ScriptedEngine(lambda _prompt: "The HTTP server listens on port 8000.", adapters=("tiny",))
    runtime = unloaded(engine, **settings)
    runtime.load()
    return runtime


def unloaded(engine: ScriptedEngine, **settings: object) -> Runtime:
    return Runtime(Settings(auth_disabled=True, port=0, **settings), scripted_loader(engine))  # type: ignore[arg-type]


def tree(spans: InMemorySpanExporter) -> dict[str, list[str]]:
    """The names of each span's children, in the order in which they began."""
    finished = sorted(spans.get_finished_spans(), key=lambda span: span.start_time or 0)
    names = {span.context.span_id: span.name for span in finished if span.context}
    found: dict[str, list[str]] = {}
    for span in finished:
        parent = names.get(span.parent.span_id, "outside") if span.parent else "none"
        found.setdefault(parent, []).append(re.sub(r"(?<=retrieval )\w+", "INDEX", span.name))
    return found


def named(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    (found,) = [span for span in spans.get_finished_spans() if span.name.startswith(name)]
    return found


async def ask(runtime: Runtime, question: str = QUESTION, **fields: object) -> None:
    await runtime.answer(AskRequest.model_validate({"question": question, **fields}), CALLER)


async def test_an_answer_is_a_tree_of_what_was_done(spans: InMemorySpanExporter) -> None:
    """With the names of the conventions, and no word of the question or the answer."""
    runtime = runtime_of()
    spans.clear()
    await ask(runtime)
    assert {
        "none": ["invoke_workflow ask"],
        "invoke_workflow ask": ["admission", "invoke_agent rag"],
        "invoke_agent rag": [
            "embeddings hashing-256", "retrieval INDEX", "chat scripted+tiny", "verify_citations",
        ],
    } == tree(spans)  # fmt: skip
    chat = named(spans, "chat").attributes or {}
    assert ("chat", "scripted+tiny") == (chat[signals.OPERATION], chat[signals.REQUEST_MODEL])
    assert (7, True) == (chat[signals.OUTPUT_TOKENS], chat[signals.INPUT_TOKENS] > 10)  # type: ignore[operator]
    told = json.dumps([json.loads(span.to_json()) for span in spans.get_finished_spans()])
    assert not [word for word in ("Which port", "listens", "port 8000") if word in told]
    runtime.close()


async def test_the_strategy_short_packs_sentences(spans: InMemorySpanExporter) -> None:
    """Between the retrieval and the generation."""
    runtime = runtime_of()
    spans.clear()
    await ask(runtime, mode="short")
    assert ["embeddings hashing-256", "retrieval INDEX", "pack_context", "chat scripted+tiny", "verify_citations"] == (
        tree(spans)["invoke_agent rag"]
    )
    runtime.close()


async def test_an_abstention_ends_with_the_retrieval(spans: InMemorySpanExporter) -> None:
    """And is no error."""
    runtime = runtime_of()
    spans.clear()
    await ask(runtime, "What is the colour of a tax form?")
    assert ["embeddings hashing-256", "retrieval INDEX"] == tree(spans)["invoke_agent rag"]
    workflow = named(spans, "invoke_workflow")
    assert "abstained" == (workflow.attributes or {})[signals.OUTCOME]
    assert workflow.status.is_unset
    runtime.close()


async def test_a_refusal_a_deadline_and_a_cancellation_are_told(spans: InMemorySpanExporter) -> None:
    """By their codes; only what is our fault is an error."""
    runtime = runtime_of(ScriptedEngine(lambda _prompt: "one two three", delay_s=5, capacity=1), max_queue=0)
    running = asyncio.create_task(ask(runtime))
    await asyncio.sleep(0.2)
    spans.clear()
    with contextlib.suppress(AskError):
        await ask(runtime)
    assert [("overloaded", False)] == [
        ((span.attributes or {})[signals.ERROR], span.status.is_unset)
        for span in spans.get_finished_spans()
        if span.name == "admission"
    ]
    running.cancel()
    await asyncio.wait({running})
    assert "cancelled" == (named(spans, "chat").attributes or {})[signals.ERROR]
    assert named(spans, "chat").status.is_unset
    spans.clear()
    with contextlib.suppress(AskError):
        await ask(runtime, timeout_s=0.1)
    assert "deadline_exceeded" == (named(spans, "invoke_workflow").attributes or {})[signals.ERROR]
    runtime.close()


async def test_a_job_goes_on_with_its_callers_trace(spans: InMemorySpanExporter) -> None:
    """A `traceparent` that is malformed, or not there, begins a new one; nothing fails."""
    runtime = runtime_of()
    spans.clear()
    for number, trace in enumerate([{"traceparent": PARENT}, {"traceparent": "00-zz"}, {"traceparent": "0" * 55}, {}]):
        result = await answer({"id": f"job-{number}", "input": {"question": QUESTION, "trace": trace}}, runtime)
        assert "answer" in result
    jobs = [span for span in spans.get_finished_spans() if span.name == "process ask"]
    assert [SpanKind.CONSUMER] * 4 == [span.kind for span in jobs]
    assert ["job-0", "job-1", "job-2", "job-3"] == [(span.attributes or {})[signals.INVOCATION] for span in jobs]
    assert [True, False, False, False] == [format(span.context.trace_id, "032x") in PARENT for span in jobs]  # type: ignore[union-attr]
    assert ["invoke_workflow ask"] * 4 == tree(spans)["process ask"]
    runtime.close()


@pytest.mark.parametrize("ends", ["answered", "invalid_request", "deadline_exceeded"])
@pytest.mark.parametrize("streams", [False, True])
async def test_the_log_line_names_the_trace(spans: InMemorySpanExporter, streams: bool, ends: str) -> None:
    """Of a job, whatever its output is and however it ends."""
    runtime, asked = runtime_of(), {"question": QUESTION, "trace": {"traceparent": PARENT}}
    asked |= {"invalid_request": {"top_k": 99}, "deadline_exceeded": {"timeout_s": 0.001}}.get(ends, {})
    with capture_logs() as lines:
        if streams:
            async for _piece in stream({"id": "job-1", "input": asked}, runtime):
                pass
        else:
            await answer({"id": "job-1", "input": asked}, runtime)
    (done,) = [line for line in lines if line["event"] == "ask.done"]
    assert ends == done["outcome"]
    # What no span was begun for has no trace.
    assert PARENT.split("-")[1] == done["trace_id"] or (streams and ends == "invalid_request")
    runtime.close()


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_goes_on_with_its_callers_trace(spans: InMemorySpanExporter, stream: bool) -> None:
    """The work is a child of the request, also of a stream."""
    with serving(unloaded(ScriptedEngine())) as client:
        spans.clear()
        client.post("/v1/ask", json={"question": QUESTION, "stream": stream}, headers={"traceparent": PARENT})
    served = named(spans, "POST /v1/ask")
    assert (SpanKind.SERVER, 200) == (served.kind, (served.attributes or {})[signals.STATUS])
    assert format(served.context.trace_id, "032x") in PARENT  # type: ignore[union-attr]
    assert ["invoke_workflow ask"] == tree(spans)["POST /v1/ask"]


async def test_the_children_of_a_span_cover_its_time(spans: InMemorySpanExporter) -> None:
    """What a reader does not see is less than a twentieth."""
    runtime = runtime_of(ScriptedEngine(lambda _prompt: "The HTTP server listens on port 8000.", delay_s=0.02))
    await ask(runtime)
    spans.clear()
    await ask(runtime)
    times = {
        span.name.split(" ")[0]: (span.end_time or 0) - (span.start_time or 0) for span in spans.get_finished_spans()
    }
    workflow, agent = times.pop("invoke_workflow"), times.pop("invoke_agent")
    admission = times.pop("admission")
    assert (agent + admission) / workflow > 0.95
    assert sum(times.values()) / agent > 0.95
    runtime.close()


async def test_a_cold_start_is_a_trace_of_its_own(spans: InMemorySpanExporter) -> None:
    """Its root has begun before the first question."""
    runtime = runtime_of()
    assert "cold_start" in tree(spans)["none"]
    runtime.close()


def test_without_an_endpoint_opentelemetry_is_not_even_imported() -> None:
    """Nor where it is not installed."""
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from agent.settings import Settings\nfrom agent.telemetry import tracing\n"
        "tracing.configure_tracing(Settings())()\n"
        "with tracing.span('x') as span: span.set({'a': 1})\n"
        "assert tracing.traceparent() is None\n"
        "try: tracing.configure_tracing(Settings(traces_endpoint='http://127.0.0.1:1/v1/traces'))\n"
        "except Exception as error: print(type(error).__name__)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "ConfigurationError\n" == found.stdout


def test_the_conventions_names_stand_in_one_file() -> None:
    """They are still in development."""
    elsewhere = [
        path
        for folder in ("agent", "handler", "local_server")
        for path in Path(ROOT, folder).rglob("*.py")
        if path.name != "signals.py" and re.search(r"gen_ai\.|faas\.", path.read_text("utf-8"))
    ]
    assert [] == elsewhere
