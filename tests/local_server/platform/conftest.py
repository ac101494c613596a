"""Servers with the platform around them: one that does the jobs itself, and one with two worker processes."""

from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.settings import Settings
from local_server.platform.settings import PlatformSettings
from tests.fakes.loading import scripted_loader
from tests.local_server.serving import KEY, SENTENCE, serving, wait

MODES = {"in process": PlatformSettings(), "2 workers": PlatformSettings(min_workers=2, max_workers=2)}


@pytest.fixture(scope="session", params=MODES)
def platform(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client, with a key, of a server whose workers are ready."""
    settings = Settings(api_keys=(SecretStr(KEY),), port=0)
    runtime = Runtime(settings, scripted_loader(ScriptedEngine(lambda _prompt: SENTENCE, delay_s=0.02)))
    mode = MODES[request.param]
    with serving(runtime, platform=mode) as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        wait(lambda: client.get("/v2/askpod/health").json()["workers"]["idle"] == max(1, mode.min_workers), 60)
        yield client
