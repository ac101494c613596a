"""Workers that are killed while they work."""

import json
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from local_server.platform.settings import PlatformSettings
from tests.chaos.conftest import Figures
from tests.local_server.platform.test_fleet import Workers, authorized, health, run, runtime, status
from tests.local_server.serving import serving, wait

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1200)]

JOBS = 200
PAUSES_S = (2.0, 5.0)


@pytest.mark.parametrize("has_ledger", [False, True])
def test_no_job_is_lost_while_workers_are_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: Figures, has_ledger: bool
) -> None:
    """200 jobs over 3 workers, one of which is killed every few seconds: each ends, once.

    With a ledger a job may be refused that had the bad luck to be there twice; nothing else may happen to it.
    """
    if has_ledger:
        monkeypatch.setenv("POISON_LEDGER", str(tmp_path / "ledger"))
    draw = random.Random(7)  # noqa: S311
    platform, workers = PlatformSettings(min_workers=3, max_workers=3), Workers(0.3)
    with serving(runtime(), platform=platform, command=workers.command) as client:
        authorized(client)
        wait(lambda: health(client)["workers"]["idle"] == 3, 90)
        jobs = [run(client) for _ in range(JOBS)]
        until, killed = time.monotonic() + 900, 0
        while _ended(health(client)) < JOBS and time.monotonic() < until:
            time.sleep(draw.uniform(*PAUSES_S))
            if running := workers.pids():
                os.kill(draw.choice(running), signal.SIGKILL)
                killed += 1
        ended = [status(client, job) for job in jobs]
        found = Counter(job["status"] for job in ended)
        assert JOBS == found["COMPLETED"] + found["FAILED"]
        assert JOBS == _ended(health(client))
        assert killed >= 20
        assert all("port 8000" in job["output"]["answer"] for job in ended if job["status"] == "COMPLETED")
        refused = [json.loads(job["error"])["code"] for job in ended if job["status"] == "FAILED"]
        assert {"poison_job"} >= set(refused) if has_ledger else not refused
    named = "with" if has_ledger else "without"
    figure(f"{JOBS} jobs, workers killed, {named} a ledger", f"{killed} kills, {dict(found)}")


def _ended(told: dict[str, dict[str, int]]) -> int:
    return told["jobs"]["completed"] + told["jobs"]["failed"]
