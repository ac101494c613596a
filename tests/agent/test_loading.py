"""Loading the real models."""

import threading
from contextlib import closing

import psutil

from agent.loading import load
from agent.settings import Settings

PHASES = {"store", "imports", "read_ahead", "verify", "model", "adapters", "embedder", "router", "warm_up"}


def test_a_load_tells_its_parts_and_leaves_nothing_that_a_snapshot_could_not_hold(real_settings: Settings) -> None:
    """One process, whose only thread of ours waits for work; no socket and no child."""
    phases: dict[str, float] = {}
    process, threads = psutil.Process(), threading.enumerate()
    connections, children = process.net_connections(), process.children()
    with closing(load(real_settings, phases.__setitem__)):
        assert ["askpod-engine"] == [thread.name for thread in threading.enumerate() if thread not in threads]
        assert (connections, children) == (process.net_connections(), process.children())
    assert PHASES == set(phases)
    assert all(ms >= 0 for ms in phases.values())
    assert phases["adapters"] <= phases["model"]
