"""A server with two keys for the tests that need nothing special, and the log as it is written."""

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.settings import Settings
from agent.telemetry.logs import configure_logging
from local_server.platform.settings import PlatformSettings
from tests.fakes.loading import scripted_loader
from tests.local_server.serving import KEY, OTHER_KEY, SENTENCE, serving, wait


@dataclass
class Log:
    """What the process logs during a test."""

    stream: io.StringIO = field(default_factory=io.StringIO)

    @property
    def text(self) -> str:
        """All of it."""
        return self.stream.getvalue()

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The lines of one event; every line must be JSON."""
        return [line for line in map(json.loads, self.text.splitlines()) if line["event"] == event]

    def outcomes(self) -> dict[str, list[str]]:
        """The outcomes of the canonical lines, by request id."""
        found: dict[str, list[str]] = {}
        for line in self.lines("ask.done"):
            found.setdefault(line["request_id"], []).append(line["outcome"])
        return found


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """As every test's, on a free port."""
    return settings.model_copy(update={"port": 0})


@pytest.fixture(scope="session")
def client() -> Iterator[httpx.Client]:
    """A client with a valid key, of a server whose engine says what the document says."""
    # Its tests use more wrong keys in a minute than one address may.
    settings = Settings(api_keys=(SecretStr(KEY), SecretStr(OTHER_KEY)), port=0, auth_failures_per_minute=0)
    with serving(Runtime(settings, scripted_loader(ScriptedEngine(lambda _prompt: SENTENCE)))) as client:
        client.headers["X-API-KEY"] = KEY
        yield client


@pytest.fixture
def log(settings: Settings) -> Iterator[Log]:
    """The log, as JSON lines."""
    handlers, level = logging.root.handlers[:], logging.root.level
    log = Log()
    configure_logging(settings.model_copy(update={"log_format": "json"}), log.stream)
    yield log
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


MODES = {"in process": PlatformSettings(), "2 workers": PlatformSettings(min_workers=2, max_workers=2)}


@pytest.fixture(scope="session", params=MODES)
def platform(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client, with a key, of a server whose workers are ready."""
    settings = Settings(api_keys=(SecretStr(KEY),), port=0)
    runtime = Runtime(settings, scripted_loader(ScriptedEngine(lambda _prompt: SENTENCE, delay_s=0.02)))
    mode = MODES[request.param]
    with serving(runtime, platform=mode) as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        wait(lambda: client.get("/v2/askpod/health").json()["workers"]["idle"] == max(1, mode.min_workers))
        yield client
