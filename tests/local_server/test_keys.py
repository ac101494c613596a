"""Keys in a file: made, used, limited, expired and revoked while the server runs."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from agent.engine.scripted import ScriptedEngine
from agent.errors import Forbidden, TooManyAttempts, Unauthorized
from agent.runtime import Runtime
from agent.settings import Settings
from local_server.attempts import Attempts
from local_server.auth import Keys
from local_server.keys import Key, KeyFile, Scope
from tests import forkserver
from tests.conftest import ROOT, environment
from tests.fakes.loading import scripted_loader
from tests.local_server.conftest import Log
from tests.local_server.serving import KEY, OTHER_KEY, QUESTION, problem, serving, wait


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.json")


def headers(secret: str) -> dict[str, list[tuple[bytes, bytes]]]:
    return {"headers": [(b"x-api-key", secret.encode())]}


def keys_command(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return forkserver.run(
        [sys.executable, "-m", "local_server", "keys", *words], cwd=ROOT, capture_output=True, text=True, timeout=120,
        env=environment(keys_file=tmp_path / "keys.json"), check=False,
    )  # fmt: skip


def test_a_key_is_made_used_and_revoked(tmp_path: Path) -> None:
    """It is shown once; the file has its digest only, and is its owner's; a server that runs sees each change."""
    settings = Settings(keys_file=tmp_path / "keys.json", api_keys=(SecretStr(KEY),), port=0)
    with serving(Runtime(settings, scripted_loader(ScriptedEngine()))) as client:
        made = keys_command(tmp_path, "new", "reporting", "--per-minute", "100")
        secret = made.stdout.strip()
        assert (0, True) == (made.returncode, secret.startswith("askpod_"))
        kept = (tmp_path / "keys.json").read_text(encoding="utf-8")
        assert secret not in kept
        assert 0o600 == os.stat(tmp_path / "keys.json").st_mode & 0o777

        def status() -> int:
            return client.post("/v1/ask", json={"question": QUESTION}, headers={"X-API-KEY": secret}).status_code

        assert 200 == status()
        (key,) = json.loads(kept)
        listed = keys_command(tmp_path, "list").stdout
        assert key["id"] in listed
        assert "reporting" in listed
        assert 0 == keys_command(tmp_path, "revoke", key["id"]).returncode
        assert 401 == status()
        assert 1 == keys_command(tmp_path, "revoke", key["id"]).returncode
        assert 200 == client.post("/v1/ask", json={"question": QUESTION}, headers={"X-API-KEY": KEY}).status_code


def test_without_a_file_there_is_nowhere_to_keep_keys() -> None:
    """What to set is said."""
    words = [sys.executable, "-m", "local_server", "keys", "list"]
    found = forkserver.run(words, cwd=ROOT, capture_output=True, text=True, env=environment(), check=False)
    assert (2, True) == (found.returncode, "KEYS_FILE" in found.stderr)


def test_two_keys_are_valid_at_once_and_an_expired_one_is_not(file: KeyFile) -> None:
    """Rotation: the new key works before the old one stops."""
    now = datetime.now(UTC)
    for name, expires in (("old", now + timedelta(hours=1)), ("new", None), ("gone", now - timedelta(seconds=1))):
        file.add(Key.of(name.encode(), name, expires=expires))
    keys = Keys([], file)
    assert ["old", "new"] == [keys.find(headers(name)).name for name in ("old", "new")]
    with pytest.raises(Unauthorized):
        keys.find(headers("gone"))


@pytest.mark.parametrize(("scopes", "wanted"), [(("ask",), "admin"), (("admin",), "ask")])
def test_a_key_is_for_what_its_scopes_say(file: KeyFile, scopes: tuple[Scope, ...], wanted: Scope) -> None:
    """For anything else it is forbidden, not unknown."""
    file.add(Key.of(b"secret", "one", scopes=scopes))
    keys = Keys([], file)
    assert scopes == keys.find(headers("secret"), scopes[0]).scopes
    with pytest.raises(Forbidden):
        keys.find(headers("secret"), wanted)


@pytest.mark.parametrize("content", ["", "{}", '[{"id": "k"}]', "[", '[{"sha256": "secret-word"}]'])
def test_a_broken_file_changes_nothing_for_those_who_ask(file: KeyFile, tmp_path: Path, log: Log, content: str) -> None:
    """The keys that were read before stay; the log says so, and no more than that; a start with it is refused."""
    file.add(Key.of(b"secret", "one"))
    keys = Keys([], file)
    path = tmp_path / "keys.json"
    path.write_text(content, encoding="utf-8")
    assert "one" == keys.find(headers("secret")).name
    assert 1 == len(log.lines("keys.not_read"))
    assert "secret-word" not in log.text
    with pytest.raises(ValueError, match="not valid"):
        Keys([], file)


def test_a_key_that_asks_too_much_waits_and_others_do_not(tmp_path: Path) -> None:
    """429 says when to come again."""
    file = KeyFile(tmp_path / "keys.json")
    file.add(Key.of(b"hasty", "hasty", per_minute=2))
    settings = Settings(keys_file=tmp_path / "keys.json", api_keys=(SecretStr(KEY),), port=0)
    with serving(Runtime(settings, scripted_loader(ScriptedEngine()))) as client:
        responses = [
            client.post("/v1/ask", json={"question": QUESTION}, headers={"X-API-KEY": "hasty"}) for _ in range(3)
        ]
        assert [200, 200, 429] == [response.status_code for response in responses]
        refused = problem(responses[2], 429, "quota_exceeded")
        assert 1 <= int(responses[2].headers["retry-after"]) == refused["retry_after_s"] <= 30
        assert refused["retryable"]
        assert 200 == client.post("/v1/ask", json={"question": QUESTION}, headers={"X-API-KEY": KEY}).status_code


def test_a_key_that_may_ask_one_question_at_once_gets_its_place_back(tmp_path: Path) -> None:
    """Also from a question that was broken off."""
    KeyFile(tmp_path / "keys.json").add(Key.of(b"single", "single", concurrency=1))
    settings = Settings(keys_file=tmp_path / "keys.json", port=0)
    engine = ScriptedEngine(lambda _prompt: "one two three", delay_s=5)
    with serving(Runtime(settings, scripted_loader(engine))) as client:
        client.headers["X-API-KEY"] = "single"
        with client.stream("POST", "/v1/ask", json={"question": QUESTION, "stream": True}) as response:
            wait(lambda: len(engine.prompts) == 1)
            second = client.post("/v1/ask", json={"question": QUESTION})
            assert 429 == second.status_code
            response.close()
        wait(lambda: client.post("/v1/ask", json={"question": QUESTION, "mode": "extractive"}).status_code == 200)


def test_an_address_with_too_many_wrong_keys_waits() -> None:
    """With its right key it does not."""
    settings = Settings(api_keys=(SecretStr(KEY),), port=0, auth_failures_per_minute=3)
    with serving(Runtime(settings, scripted_loader(ScriptedEngine()))) as client:
        wrong = [client.post("/v1/ask", headers={"X-API-KEY": f"wrong-{number}"}) for number in range(5)]
        assert [401, 401, 401, 429, 429] == [response.status_code for response in wrong]
        assert problem(wrong[4], 429, "too_many_attempts")["retry_after_s"] <= 60
        right = client.post("/v1/ask", json={"question": QUESTION}, headers={"X-API-KEY": KEY})
        assert 200 == right.status_code


def test_addresses_are_counted_apart_and_forgotten() -> None:
    """A minute later, and where there are too many of them: memory is bounded."""
    now = [0.0]
    attempts = Attempts(1, lambda: now[0])
    for address in ("a", "b"):
        attempts.failed(address)
        with pytest.raises(TooManyAttempts):
            attempts.failed(address)
    now[0] = 60.0
    attempts.failed("a")
    for number in range(10_000):
        attempts.failed(str(number))
    attempts.failed("a")


def test_a_quota_can_be_set_for_the_keys_of_the_settings() -> None:
    """`KEY_CONCURRENCY` and `KEY_PER_MINUTE` hold for each of them."""
    keys = Keys([SecretStr(KEY)], concurrency=2, per_minute=3)
    assert (2, 3) == (keys.find(headers(KEY)).concurrency, keys.find(headers(KEY)).per_minute)


def test_an_idempotency_key_is_its_keys_own() -> None:
    """The same twice is one answer, replayed; under another API key it is another question; a strange one is 422."""
    settings = Settings(api_keys=(SecretStr(KEY), SecretStr(OTHER_KEY)), port=0)
    engine = ScriptedEngine(lambda _prompt: "The HTTP server listens on port 8000.")
    with serving(Runtime(settings, scripted_loader(engine))) as client:

        def ask(api_key: str, question: str = QUESTION, key: str = "order-1") -> httpx.Response:
            headers = {"X-API-KEY": api_key, "Idempotency-Key": key}
            return client.post("/v1/ask", json={"question": question}, headers=headers)

        first, second, other = ask(KEY), ask(KEY), ask(OTHER_KEY)
        assert first.json() == second.json()
        assert (None, "true") == tuple(one.headers.get("idempotent-replayed") for one in (first, second))
        assert other.json()["request_id"] != first.json()["request_id"]
        assert 2 == len(engine.prompts)
        assert not problem(ask(KEY, "Which key?"), 409, "idempotency_conflict")["retryable"]
        assert "Idempotency-Key" == problem(ask(KEY, key="x" * 256), 422, "invalid_request")["param"]
