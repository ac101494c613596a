"""What must never be seen: planted in everything that goes in, and looked for in everything that comes out."""

from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import SecretStr

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.settings import Settings
from agent.telemetry import tracing
from agent.telemetry.logs import configure_logging, get_logger
from local_server.keys import Key, KeyFile
from local_server.platform.settings import PlatformSettings
from tests.fakes.loading import scripted_loader
from tests.local_server.conftest import Log
from tests.local_server.serving import serving

# Each is one word, so that it is found wherever it is.
CANARIES = {
    name: f"canary{number}x{name}"
    for number, name in enumerate(
        ("apikey", "filekey", "wrongkey", "workerkey", "hftoken", "environment", "question", "history", "passage",
         "draft", "idempotency", "input")
    )
}  # fmt: skip


def crash(prompt: str) -> str:
    """A model that fails with the prompt in its error, when it is told to."""
    if "crash" in prompt:
        raise ValueError(prompt)
    return f"The {CANARIES['passage']} server listens on port 8000. {CANARIES['draft']}"


def test_no_canary_comes_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """At the most talkative level; answers have what they answer, and nothing else has anything."""
    monkeypatch.setenv("SOME_SERVICE_TOKEN", CANARIES["environment"])
    KeyFile(tmp_path / "keys.json").add(Key.of(CANARIES["filekey"].encode(), "one", scopes=["ask", "admin"]))
    settings = Settings(
        api_keys=(SecretStr(CANARIES["apikey"]),), hf_token=SecretStr(CANARIES["hftoken"]), port=0, log_level="DEBUG",
        keys_file=tmp_path / "keys.json", min_relevance=0.0, min_confidence=0.0,
    )  # fmt: skip
    log, exporter = Log(), InMemorySpanExporter()
    configure_logging(settings, log.stream)
    stop = tracing.start(SimpleSpanProcessor(exporter))
    documents = {"a.md": f"# Server\n\nThe {CANARIES['passage']} server listens on port 8000 by default.\n"}
    platform = PlatformSettings(worker_key=SecretStr(CANARIES["workerkey"]), faults=True)
    runtime = Runtime(settings, scripted_loader(ScriptedEngine(crash), documents))
    seen: list[str] = []
    with serving(runtime, platform=platform) as client:
        client.headers["X-API-KEY"] = CANARIES["apikey"]
        history = [{"role": "user", "content": f"{CANARIES['history']}?"}]
        for question in ("Which port does the server listen on", "Which port, crash", "Hello"):
            for more in ({}, {"stream": True}, {"temperature": "no"}, {"adapter": "nobody"}, {"mode": "generative"}):
                body = {"question": f"{question} {CANARIES['question']}?", "history": history, **more}
                headers = {"Idempotency-Key": f"{CANARIES['idempotency']}-{len(question)}-{more}".replace(" ", "")}
                response = client.post("/v1/ask", json=body, headers=headers)
                # An answer may quote what was asked of; an error may not.
                seen += [] if response.status_code == 200 else [response.text]
        body = {"input": {"question": CANARIES["input"], "colour": "red"}}
        platform_key = {"Authorization": CANARIES["apikey"], "X-API-KEY": ""}
        for path in ("run", "runsync", "health", "requests", "status/none"):
            httpx.post(f"{client.base_url}/v2/askpod/{path}", json=body, headers=platform_key)
        seen += [
            client.post("/v1/ask", headers={"X-API-KEY": CANARIES["wrongkey"]}).text,
            client.get("/health").text,
            client.get("/metrics", headers={"X-API-KEY": CANARIES["filekey"]}).text,
            client.get(f"/v2/askpod/job-take/w?{CANARIES['workerkey']}").text,
        ]
        get_logger().error("library.failed", detail=f"{CANARIES['hftoken']} {CANARIES['environment']}")
    stop()
    assert 20 < len(log.text.splitlines())
    assert 50 < len(exporter.get_finished_spans())
    everything = {
        "log": log.text,
        "traces": "".join(span.to_json() for span in exporter.get_finished_spans()),
        "responses": "".join(seen),
    }
    outcomes = {line["outcome"] for line in log.lines("ask.done")}
    assert {"answered", "invalid_request", "unknown_adapter", "internal_error", "unauthorized"} <= outcomes
    found = [(name, where) for where, text in everything.items() for name, word in CANARIES.items() if word in text]
    assert [] == found
