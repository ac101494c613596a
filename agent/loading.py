"""Loads everything a question needs, and warms it up, so that the first question is as fast as the next."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from agent.engine.base import Engine, Sampling
from agent.multi_agent import MultiAgent
from agent.settings import Settings
from agent.store.store import Store

Phase = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A service's working parts. `store` is None for a fake without documents."""

    engine: Engine
    agent: MultiAgent
    store: Store

    def describe(self) -> dict[str, Any]:
        """What `/health` says is loaded."""
        stats = self.engine.stats()
        return {
            "model": self.engine.model,
            "adapters": list(self.engine.adapters),
            "default_adapter": self.engine.default_adapter,
            "index": self.store.manifest.index_id,
            "documents": self.store.manifest.documents,
            "chunks": self.store.manifest.chunks,
            "embedder": self.store.manifest.embedder,
            "generations": {"running": stats.running, "waiting": stats.waiting, "capacity": stats.capacity},
        }

    def close(self) -> None:
        """Free the models and close the files."""
        self.engine.close()
        self.store.close()
