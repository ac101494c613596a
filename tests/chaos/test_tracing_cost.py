"""What traces cost."""

import asyncio
import statistics
import time

import pytest
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.schemas import AskRequest
from agent.settings import Settings
from agent.telemetry import tracing
from agent.telemetry.request_line import Caller
from tests.chaos.conftest import Figures
from tests.fakes.loading import scripted_loader

pytestmark = pytest.mark.timeout(1200)


@pytest.mark.parametrize(("rounds", "delay_s"), [(2, 0.0), pytest.param(40, 0.0, marks=pytest.mark.chaos)])
def test_traced_and_untraced_answers_are_the_same(rounds: int, delay_s: float, figure: Figures) -> None:
    """In turn, so that a machine that is busy is so for both; the time is a figure."""
    engine = ScriptedEngine(lambda _prompt: "The HTTP server listens on port 8000.", delay_s=delay_s)
    runtime = Runtime(Settings(), scripted_loader(engine))
    runtime.load()
    request, seconds = AskRequest(question="Which port does the HTTP server listen on?"), {False: [0.0], True: [0.0]}
    answers = set[str]()

    async def ask(count: int, traced: bool) -> None:
        for _ in range(count):
            began = time.perf_counter()
            answers.add((await runtime.answer(request, Caller("r", "http"))).answer)
            seconds[traced].append(time.perf_counter() - began)

    asyncio.run(ask(20, False))
    seconds[False].clear()
    seconds[True].clear()
    for _ in range(rounds):
        for traced in (False, True):
            exporter = InMemorySpanExporter()
            stop = tracing.start(BatchSpanProcessor(exporter)) if traced else lambda: None
            asyncio.run(ask(50, traced))
            stop()
            assert not traced or exporter.get_finished_spans()
    runtime.close()
    assert 1 == len(answers)
    off, on = (statistics.median(seconds[traced]) * 1000 for traced in (False, True))
    figure(
        f"tracing on against off, {rounds * 50} answers without a model",
        f"{off:.2f} ms and {on:.2f} ms (p50), {on - off:+.2f} ms",
    )
