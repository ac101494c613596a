"""GET /metrics: who may read it, and whether it says what happened."""

from collections import Counter
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.settings import Settings
from agent.telemetry.metrics import listen
from local_server.keys import Key, KeyFile
from local_server.platform.settings import PlatformSettings
from tests.fakes.loading import scripted_loader
from tests.local_server.conftest import Log
from tests.local_server.serving import KEY, QUESTION, free_port, problem, serving, wait

ADMIN = "admin-secret"
Samples = Counter[tuple[str, frozenset[tuple[str, str]]]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """With a key that may ask, and one that may read the metrics."""
    KeyFile(tmp_path / "keys.json").add(Key.of(ADMIN.encode(), "admin", scopes=["admin"]))
    return Settings(api_keys=(SecretStr(KEY),), keys_file=tmp_path / "keys.json", port=0)


def samples(text: str) -> Samples:
    found: Samples = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name, frozenset(sample.labels.items())] = sample.value  # type: ignore[assignment]
    return found


def metrics(client: httpx.Client) -> Samples:
    response = client.get("/metrics", headers={"X-API-KEY": ADMIN})
    assert (200, "text/plain") == (response.status_code, response.headers["content-type"].split(";")[0])
    return samples(response.text)


def value(found: Samples, name: str, **labels: str) -> float:
    return found[f"askpod_{name}", frozenset(labels.items())]


def ask(client: httpx.Client, question: object = QUESTION, **headers: str) -> httpx.Response:
    return client.post("/v1/ask", json={"question": question}, headers={"X-API-KEY": KEY, **headers})


def test_metrics_are_for_a_key_of_an_administrator(settings: Settings) -> None:
    """A key that may ask may not read them, and one that may read them may not ask."""
    with serving(Runtime(settings, scripted_loader(ScriptedEngine()))) as client:
        metrics(client)
        problem(client.get("/metrics"), 401, "unauthorized")
        problem(client.get("/metrics", headers={"X-API-KEY": KEY}), 403, "forbidden")
        problem(client.post("/v1/ask", headers={"X-API-KEY": ADMIN}), 403, "forbidden")


def test_metrics_count_what_the_log_tells(settings: Settings, log: Log) -> None:
    """Each canonical line is one request; what was replayed took no work."""
    engine = ScriptedEngine(lambda _prompt: "The HTTP server listens on port 8000.")
    with serving(Runtime(settings, scripted_loader(engine))) as client:
        before = metrics(client)
        for _ in range(3):
            ask(client)
        for _ in range(2):
            ask(client, **{"Idempotency-Key": "one"})
        ask(client, "What is the colour of a tax form?")
        ask(client, 5)
        ask(client, **{"X-API-KEY": "wrong"})
        after = metrics(client)
    outcomes = Counter(line["outcome"] for line in log.lines("ask.done"))
    for outcome, count in outcomes.items():
        labels = {"transport": "http", "outcome": outcome}
        assert count == value(after, "requests_total", **labels) - value(before, "requests_total", **labels)
    assert {"answered", "abstained", "invalid_request", "unauthorized"} == set(outcomes)

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    replayed = sum(line.get("replayed", False) for line in log.lines("ask.done"))
    assert 1 == replayed
    assert outcomes["answered"] + outcomes["abstained"] - 1 == grown("request_seconds_count", transport="http")
    lines = [line for line in log.lines("ask.done") if line.get("replayed") is False]
    assert sum(line["completion_tokens"] for line in lines) == grown("tokens_total", kind="completion")
    assert 4 == grown("time_to_first_token_seconds_count")


def test_metrics_tell_the_state_and_the_cold_start(settings: Settings) -> None:
    """One state is 1, all others 0; places and generations are those of now."""
    engine = ScriptedEngine(lambda _prompt: "one two three", delay_s=5, capacity=1)
    settings = settings.model_copy(update={"max_queue": 0})
    with serving(Runtime(settings, scripted_loader(engine))) as client:
        found = metrics(client)
        assert (1.0, 0.0, 1.0) == (
            value(found, "state", state="ready"), value(found, "state", state="busy"), value(found, "ready"),
        )  # fmt: skip
        assert 0 < value(found, "cold_start_seconds") < 30
        assert ("askpod_load_seconds", frozenset({("phase", "store")})) in found
        body = {"question": QUESTION, "stream": True}
        with client.stream("POST", "/v1/ask", json=body, headers={"X-API-KEY": KEY}):
            wait(lambda: engine.stats().running == 1)
            found = metrics(client)
            assert 1 == value(found, "state", state="busy")
            assert (1, 1) == (value(found, "places", what="taken"), value(found, "places", what="all"))
            assert (1, 1) == (value(found, "generations", what="running"), value(found, "questions"))


def test_metrics_of_a_server_with_workers_are_of_jobs_and_workers(settings: Settings) -> None:
    """Its own model is loaded nowhere."""
    runtime = Runtime(settings, scripted_loader(ScriptedEngine()))
    with serving(runtime, platform=PlatformSettings(max_workers=1)) as client:
        assert 200 == ask(client).status_code
        found = metrics(client)
    assert 1 == value(found, "jobs_ended_total", outcome="completed")
    assert 1 == value(found, "workers", state="idle") + value(found, "workers", state="running")


def test_the_number_of_series_is_bounded(settings: Settings) -> None:
    """Whatever callers send: nothing of a request becomes a label."""
    with serving(Runtime(settings, scripted_loader(ScriptedEngine()))) as client:
        for number in range(50):
            ask(client, f"Question {number}?", **{"X-Request-ID": f"r-{number}", "Idempotency-Key": f"k-{number}"})
            client.get(f"/v1/{number}", headers={"X-API-KEY": f"wrong-{number}"})
        found = metrics(client)
    assert len(found) < 400
    assert not [label for _, labels in found for _, label in labels if label.startswith(("r-", "k-", "Question"))]


def test_metrics_can_have_a_port_of_their_own(settings: Settings) -> None:
    """Without a key: whoever reaches the port may read them."""
    runtime = Runtime(settings, scripted_loader(ScriptedEngine()))
    port = free_port()
    listen("127.0.0.1", port, runtime.gauges)
    found = samples(httpx.get(f"http://127.0.0.1:{port}/metrics").text)
    assert 1 == value(found, "state", state="starting")
