"""Answers that take longer than their deadline; jobs that come twice, and that are deadly."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.engine.scripted import ScriptedEngine
from agent.errors import DeadlineExceeded
from agent.runtime import Runtime
from agent.schemas import AskRequest
from agent.settings import Settings
from agent.telemetry.request_line import Caller
from handler.handler import answer
from tests.agent.test_poison import BEGIN
from tests.chaos.conftest import Figures
from tests.conftest import ROOT, environment
from tests.fakes.loading import scripted_loader
from tests.local_server.serving import ENDLESS

QUESTION = "Which port does the HTTP server listen on?"


async def test_a_deadline_of_a_second_ends_an_answer_of_ten(figure: Figures) -> None:
    """Twenty at once, some of which never begin; the engine has nothing left to do."""
    engine = ScriptedEngine(lambda _prompt: ENDLESS, delay_s=0.1)
    runtime = Runtime(Settings(), scripted_loader(engine))
    runtime.load()
    seconds = []

    async def ask(number: int) -> None:
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            await runtime.answer(AskRequest(question=QUESTION, timeout_s=1), Caller(f"r-{number}", "http"))
        seconds.append(time.monotonic() - began)

    await asyncio.gather(*(ask(number) for number in range(20)))
    assert (0, 0) == (engine.stats().running, runtime.running)
    runtime.close()
    figure("deadline of 1 s on answers of 10 s", f"the slowest of 20 is told after {max(seconds):.3f} s")


async def test_a_hundred_duplicates_are_one_generation(figure: Figures) -> None:
    """At once, and all the same."""
    engine = ScriptedEngine(lambda _prompt: "The HTTP server listens on port 8000.", delay_s=0.05)
    runtime = Runtime(Settings(), scripted_loader(engine))
    runtime.load()
    job = {"id": "twin", "input": {"question": QUESTION}}
    results = await asyncio.gather(*(answer(job, runtime) for _ in range(100)))
    assert all(result == results[0] for result in results)
    assert 1 == len(engine.prompts)
    runtime.close()
    figure("100 duplicates at once", f"{len(engine.prompts)} generation, {len(results)} equal answers")


async def test_a_poison_job_is_refused_at_once(tmp_path: Path, figure: Figures) -> None:
    """By the third worker that sees it, without a question to the model; the next job is answered."""
    for _ in range(2):
        words = [sys.executable, "-c", BEGIN, str(tmp_path), "deadly"]
        process = subprocess.Popen(words, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert "begun\n" in process.stdout
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    engine = ScriptedEngine()
    runtime = Runtime(Settings(poison_ledger=tmp_path), scripted_loader(engine))
    runtime.load()
    began = time.monotonic()
    refused = await answer({"id": "deadly", "input": {"question": QUESTION}}, runtime)
    seconds = time.monotonic() - began
    assert "poison_job" in refused["error"]
    assert [] == engine.prompts
    assert "answer" in await answer({"id": "good", "input": {"question": QUESTION}}, runtime)
    runtime.close()
    figure("poison job", f"refused by the third process in {seconds * 1000:.1f} ms")
