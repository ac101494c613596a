"""What happens to a GPU, and what is left afterwards: memory that is short, a device that is broken, a long day."""

import asyncio
import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import psutil
import pytest
import torch

from agent.engine.base import Sampling
from agent.engine.loop import RunsSteps
from agent.engine.options import EngineOptions
from agent.engine.scores import Scores
from agent.engine.step import Span
from agent.engine.transformers_engine import TransformersEngine
from agent.errors import GenerationFailed
from agent.load_errors import ConfigurationError
from benchmarks.engine.models import make_adapters, prepare
from tests.agent.engine.test_gpu import CASES
from tests.agent.engine.tiny import Bench, assert_said, settled

pytestmark = pytest.mark.gpu
ROOT = Path(__file__).parents[3]
MIB = 1024 * 1024
Note = Callable[[str, object], None]


class Hungry(RunsSteps):
    """Before every so many steps, takes some of the device's memory, and then more than it has."""

    def __init__(self, runner: RunsSteps, every: int) -> None:
        self._runner = runner
        self._every = every
        self._steps = 0
        self.failed = 0

    def run(self, spans: Sequence[Span], meanwhile: Callable[[], None]) -> Scores:
        """A traceback that somebody keeps would keep what was taken as well."""
        self._steps += 1
        if self._steps % self._every == 0 and self.failed < 20:
            self.failed += 1
            taken = torch.empty(256 * MIB, dtype=torch.uint8, device="cuda")
            torch.empty(8 * torch.cuda.mem_get_info()[1] + taken[0].numel(), dtype=torch.uint8, device="cuda")
        return self._runner.run(spans, meanwhile)


def test_too_little_memory_at_the_start_is_told(tmp_path: Path) -> None:
    """For the weights, and for the cache; with the settings that take it."""
    model = prepare(ROOT / "models" / "SmolLM2-135M-Instruct", "1b", tmp_path / "model")
    with pytest.raises(ConfigurationError, match="KV_CACHE_MIB is more than the memory that is free"):
        TransformersEngine(EngineOptions(model, device="cuda", cache_mib=10_000_000))
    gc.collect()
    torch.cuda.empty_cache()
    taken = torch.empty(torch.cuda.mem_get_info()[0] - 512 * MIB, dtype=torch.uint8, device="cuda")
    with pytest.raises(ConfigurationError, match="The memory is too small for BASE_MODEL") as refused:
        TransformersEngine(EngineOptions(model, device="cuda"))
    assert "a smaller model" in refused.value.remedy
    del taken


def test_lack_of_memory_costs_those_in_the_step_and_no_memory(
    caplog: pytest.LogCaptureFixture, record_property: Note
) -> None:
    """Twenty times among two hundred generations; whoever failed may ask again, and every answer is right."""
    hungry: list[Hungry] = []

    def wrap(runner: RunsSteps) -> RunsSteps:
        hungry.append(Hungry(runner, 40))
        return hungry[0]

    bench = Bench(blocks=1000, device="cuda", dtype=torch.bfloat16, wrap=wrap)
    try:
        cases = [CASES[at % len(CASES)] for at in range(200)]
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        asked = [bench.ask(*case) for case in cases]
        found, failed = [], 0
        for case, one in zip(cases, asked, strict=True):
            try:
                found.append(one.wait())
            except GenerationFailed:
                failed += 1
                found.append(_until_answered(bench, case))
        settled(bench)
        # The log of a test keeps errors with their tracebacks.
        caplog.clear()
        gc.collect()
        record_property("out of memory", f"{hungry[0].failed} times, {failed} of 200 had to ask again, "
                        f"{torch.cuda.memory_allocated() - before:+d} bytes")  # fmt: skip
        assert 20 == hungry[0].failed
        assert before == torch.cuda.memory_allocated()
        assert bench.loop.alive()
        assert_said(cases, found, "cuda")
    finally:
        bench.close()


def _until_answered(bench: Bench, case: tuple[tuple[int, ...], str | None]) -> list[int]:
    while True:
        try:
            return bench.ask(*case).wait()
        except GenerationFailed:
            assert bench.loop.alive()


def test_a_broken_device_is_told_at_once(record_property: Note) -> None:
    """In a process of its own, which can never use the device again."""
    command = [sys.executable, "-m", "tests.agent.engine.broken_device"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    told = json.loads(run.stdout.splitlines()[-1])
    record_property("broken device", told)
    assert {"running": "GenerationFailed", "waiting": "GenerationFailed", "later": "GenerationFailed"} == told["errors"]
    assert told["not_alive_s"] < 1


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TransformersEngine]:
    """As large as Llama 3.2 1B, with four adapters."""
    folder = tmp_path_factory.mktemp("1b")
    model = prepare(ROOT / "models" / "SmolLM2-135M-Instruct", "1b", folder / "model")
    adapters = {str(at): path for at, path in enumerate(make_adapters(model, 4, folder / "adapters"))}
    made = TransformersEngine(EngineOptions(model, adapters=adapters, device="cuda", cache_mib=16 * 1024))
    yield made
    made.close()


def test_what_the_first_question_waits_for_is_told_beside_later_ones(
    engine: TransformersEngine, record_property: Note
) -> None:
    """What is compiled, recorded and allocated was before; the ratio is told."""

    async def first_token(salt: int) -> float:
        began = time.perf_counter()
        stream = engine.generate(range(100, 900), Sampling(8), None, salt=str(salt).encode())
        async for _delta in stream:
            break
        await stream.aclose()
        return time.perf_counter() - began

    async def all_of_them() -> list[float]:
        return [await first_token(salt) for salt in range(30)]

    first, *later = asyncio.run(all_of_them())
    record_property("first token", f"first {first * 1e3:.1f} ms, then {statistics.median(later) * 1e3:.1f} ms (p50)")


def test_two_thousand_generations_leave_nothing_behind(engine: TransformersEngine, record_property: Note) -> None:
    """With and without adapters, some of whom leave; not a byte of the device's memory."""
    draw, process, resident = Random(7), psutil.Process(), list[float]()  # noqa: S311

    async def one(number: int) -> None:
        prompt = [draw.randrange(1000, 100_000) for _ in range(draw.randrange(1, 1500))]
        adapter = (None, "0", "1", "2", "3")[number % 5]
        leaves_at = draw.randrange(1, 64) if number % 7 == 0 else None
        stream = engine.generate(prompt, Sampling(draw.randrange(1, 64)), adapter)
        made = 0
        async for _delta in stream:
            made += 1
            if made == leaves_at:
                break
        await stream.aclose()

    async def many(first: int, count: int) -> None:
        places = asyncio.Semaphore(64)

        async def placed(number: int) -> None:
            async with places:
                await one(number)

        await asyncio.gather(*(placed(number) for number in range(first, first + count)))

    asyncio.run(many(0, 300))
    before = (torch.cuda.memory_allocated(), process.num_fds(), process.num_threads())
    for block in range(8):
        asyncio.run(many(block * 250, 250))
        resident.append(process.memory_info().rss / MIB)
    after = (torch.cuda.memory_allocated(), process.num_fds(), process.num_threads())
    slope = statistics.linear_regression(range(len(resident)), resident).slope * 4
    memory = f"{slope:+.2f} MiB per 1,000 (from {resident[0]:.0f} to {resident[-1]:.0f})"
    record_property("soak", f"{memory}; device bytes, files and threads: {before}, then {after}")
    assert before == after
