"""The agents around an engine and a real store of small documents, with a hashing embedder."""

from collections.abc import Iterator
from typing import Any

import pytest

from agent.engine.base import Engine
from agent.loading import Loaded
from agent.settings import Settings
from tests.agent.answering.asking import Load
from tests.fakes.loading import scripted_loader


@pytest.fixture
def load(settings: Settings) -> Iterator[Load]:
    """Agents around an engine and documents; what was loaded is closed."""
    opened: list[Loaded] = []

    def load(engine: Engine, documents: dict[str, str] | None = None, **changes: Any) -> Loaded:
        loader = scripted_loader(engine, documents)
        opened.append(loader(settings.model_copy(update=changes), lambda _name, _ms: None))
        return opened[-1]

    yield load
    for loaded in opened:
        loaded.close()
