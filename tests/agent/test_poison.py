"""Jobs that take the process down."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.errors import PoisonJob
from agent.load_errors import ConfigurationError
from agent.poison import Poison
from tests import forkserver
from tests.conftest import ROOT, environment

BEGIN = """
import asyncio, sys, pathlib
from agent.poison import Poison

async def main():
    async with Poison(pathlib.Path(sys.argv[1])).job(sys.argv[2]):
        print("begun", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""

SPARE = """
import asyncio, os, sys, pathlib
from agent.poison import Poison

async def main():
    poison = Poison(pathlib.Path(sys.argv[1]))
    async with poison.job(sys.argv[2]):
        poison.spare()
        os._exit(0)

asyncio.run(main())
"""


def process_on(folder: Path, job_id: str) -> forkserver.Popen:
    """One that works on a job, and lives."""
    words = [sys.executable, "-c", BEGIN, str(folder), job_id]
    process = forkserver.Popen(words, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "begun\n" in process.stdout
    return process


def die(process: forkserver.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


async def test_a_job_that_two_processes_died_of_is_refused(tmp_path: Path) -> None:
    """For as long as its mark is there, whoever sees it; another job is not."""
    for _ in range(2):
        die(process_on(tmp_path, "deadly"))
    for _ in range(2):
        with pytest.raises(PoisonJob):
            async with Poison(tmp_path).job("deadly"):
                pass
    async with Poison(tmp_path).job("other"):
        pass


async def test_a_job_that_was_spared_keeps_the_deaths_it_had(tmp_path: Path) -> None:
    """One process dies of it, one is told to stop while it runs, another dies: two deaths."""
    die(process_on(tmp_path, "deadly"))
    spared = forkserver.run(
        [sys.executable, "-c", SPARE, str(tmp_path), "deadly"], cwd=ROOT, env=environment(), check=False
    )
    assert 0 == spared.returncode
    die(process_on(tmp_path, "deadly"))
    with pytest.raises(PoisonJob):
        async with Poison(tmp_path).job("deadly"):
            pass


async def test_a_job_that_ends_leaves_no_mark_however_it_ends(tmp_path: Path) -> None:
    """An error and a cancellation are no deaths."""
    poison = Poison(tmp_path)

    async def work(seconds: float) -> None:
        async with poison.job("one"):
            assert 1 == len(list(tmp_path.iterdir()))
            await asyncio.sleep(seconds)
            raise ValueError("no")

    for _ in range(5):
        with pytest.raises(ValueError, match="no"):
            await work(0)
        task = asyncio.create_task(work(60))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait({task})
        assert [] == list(tmp_path.iterdir())


async def test_a_job_that_another_process_works_on_is_no_death(tmp_path: Path) -> None:
    """The platform may deliver a job twice."""
    process = process_on(tmp_path, "twice")
    for _ in range(5):
        async with Poison(tmp_path).job("twice"):
            pass
    die(process)
    async with Poison(tmp_path).job("twice"):
        pass
    assert [] == list(tmp_path.iterdir())


async def test_a_job_with_a_death_runs_alone(tmp_path: Path) -> None:
    """Those that run end first, those that come wait, and all are done."""
    die(process_on(tmp_path, "suspect"))
    poison, running, most = Poison(tmp_path), set[str](), list[set[str]]()

    async def work(job_id: str) -> None:
        async with poison.job(job_id):
            running.add(job_id)
            most.append(set(running))
            await asyncio.sleep(0.02)
            running.remove(job_id)

    tasks = []
    for job_id in ("a", "b", "suspect", "c", "d"):
        tasks.append(asyncio.create_task(work(job_id)))
        await asyncio.sleep(0.001)
    await asyncio.gather(*tasks)
    assert [{"a"}, {"a", "b"}, {"suspect"}, {"c"}, {"c", "d"}] == most


async def test_marks_are_forgotten_after_a_day(tmp_path: Path) -> None:
    """The volume does not fill up with jobs that nobody sends again."""
    for job_id, hours in (("old", 25), ("young", 1)):
        die(process_on(tmp_path, job_id))
        mark = max(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime)
        os.utime(mark, (time.time() - hours * 3600,) * 2)
    Poison(tmp_path).open()
    assert 1 == len(list(tmp_path.iterdir()))


async def test_without_a_folder_nothing_is_marked() -> None:
    """It is off."""
    async with Poison(None).job("one"), Poison(None).job("one"):
        pass


async def test_a_ledger_that_cannot_be_written_is_told_at_the_start_and_keeps_nobody_from_an_answer() -> None:
    """The start names the setting; a disk that fills up or goes away later takes only the protection with it."""
    poison = Poison(Path(__file__) / "ledger")
    with pytest.raises(ConfigurationError, match="POISON_LEDGER"):
        poison.open()
    with capture_logs() as log:
        async with poison.job("one"):
            pass
    assert ["poison.unwritable"] == [line["event"] for line in log]
