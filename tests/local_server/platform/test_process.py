"""The environment of a worker process."""

import os

import pytest

from local_server.platform.process import worker_environment
from local_server.platform.settings import PlatformSettings


def threads(workers: int) -> str | None:
    environment = worker_environment("http://127.0.0.1:1", "w", "key", PlatformSettings(max_workers=workers))
    return environment.get("OMP_NUM_THREADS")


def test_workers_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """One has all of them; of many each has one; whoever has said how many is not overruled."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [None, "1"] == [threads(1), threads(64)]
    assert str(max(1, (os.cpu_count() or 1) // 2)) == threads(2)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert "3" == threads(2)
