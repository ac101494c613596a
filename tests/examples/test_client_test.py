"""The example application as a process of its own, against a real server with a scripted engine."""

import subprocess
import sys

import httpx
import pytest
from pydantic import SecretStr

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.settings import Settings
from tests.conftest import ROOT, environment
from tests.fakes.loading import scripted_loader
from tests.local_server.serving import KEY, serving

PORT = "The HTTP server listens on port 8000 by default, and the `PORT` setting changes the port."
HEADER = "La cabecera `X-API-KEY` lleva la clave de la API en cada petición."
DOCUMENTS = {"api.md": f"# The HTTP API\n\n{PORT}\n", "es/api.md": f"# La API HTTP\n\n{HEADER}\n"}


def answer(prompt: str) -> str:
    """What the documents say, in the language of the question, which comes last."""
    return HEADER if "¿Qué cabecera" in prompt else PORT


def run(client: httpx.Client, key: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "examples/client_test.py", "--url", str(client.base_url), "--key", key]
    return subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a key, on a free port."""
    return settings.model_copy(update={"port": 0, "auth_disabled": False, "api_keys": (SecretStr(KEY),)})


def test_every_expectation_holds(settings: Settings) -> None:
    """Exit status 0; the answers with their sources, and a table with every request and its status."""
    with serving(Runtime(settings, scripted_loader(ScriptedEngine(answer), DOCUMENTS))) as client:
        done = run(client, KEY)
    assert (0, "") == (done.returncode, done.stderr)
    assert "8000" in done.stdout
    assert f"“{HEADER}”" in done.stdout
    table = done.stdout[done.stdout.index("request  ") :].splitlines()[1:]
    statuses = {line[:24].strip(): int(line[24:32]) for line in table}
    asked = ("english", "spanish", "follow-up", "quotes only", "the documents", "unanswerable", "stream")
    assert dict.fromkeys(asked, 200).items() <= statuses.items()
    assert {"missing key": 401, "wrong key": 401, "invalid body": 422, "too large": 413}.items() <= statuses.items()
    busy = [status for name, status in statuses.items() if name.startswith("busy")]
    assert [503, 503, 200] == busy


def test_an_expectation_that_does_not_hold_is_reported(settings: Settings) -> None:
    """Exit status 1 and a line for each, with the table all the same; here the key is not the server's."""
    with serving(Runtime(settings, scripted_loader(ScriptedEngine(answer), DOCUMENTS))) as client:
        done = run(client, "another")
    assert (1, "") == (done.returncode, done.stderr)
    assert "FAILED english: status 401, not 200" in done.stdout
    assert "request  " in done.stdout
