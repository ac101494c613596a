"""The three health routes through the life of a runtime."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import httpx

from agent.engine.scripted import ScriptedEngine
from agent.load_errors import StoreCorrupt
from agent.loading import Loaded, assemble
from agent.retrieval.hashing_embedder import HashingEmbedder
from agent.runtime import Runtime
from agent.settings import Settings
from agent.store.manifest import FILE_NAME
from agent.store.store import Store
from agent.telemetry.clock import Phase
from tests.fakes.loading import build_small_store, scripted_loader
from tests.local_server.serving import QUESTION, problem, serving, wait


def statuses(client: httpx.Client) -> list[int]:
    """Of three of the routes; HEAD says the same as GET, without a body."""
    found = []
    for path in ("/health", "/health/live", "/health/ready"):
        found.append(client.get(path).status_code)
        head = client.head(path)
        assert (found[-1], b"") == (head.status_code, head.content)
    return found


def test_the_server_answers_while_it_loads(settings: Settings) -> None:
    """Starting: alive, not ready, a question gets model_unavailable; ready once loading ends."""
    may_load = threading.Event()
    good = scripted_loader()

    def slow(settings: Settings, phase: Phase) -> Loaded:
        may_load.wait()
        return good(settings, phase)

    with serving(Runtime(settings, slow), until_ready=False) as client:
        assert [503, 200, 503] == statuses(client)
        assert "starting" == client.get("/health").json()["state"]
        assert {"ready": False} == client.get("/health/ready").json()
        assert 503 == client.get("/health/startup").status_code
        for stream in (False, True):
            refused = client.post("/v1/ask", json={"question": QUESTION, "stream": stream})
            assert "starting" == problem(refused, 503, "model_unavailable")["reason"]
            assert "5" == refused.headers["retry-after"]
        may_load.set()
        wait(lambda: client.get("/health/ready").status_code == 200)
        assert [200, 200, 200] == statuses(client)
        assert 200 == client.get("/health/startup").status_code
        assert 200 == client.post("/v1/ask", json={"question": QUESTION}).status_code


def test_a_failed_load_is_reported_and_tried_again(settings: Settings) -> None:
    """Failed: the reason's code and a safe sentence, from /health/ready as well; ready after the load that succeeds."""
    healed = threading.Event()
    good: Callable[[Settings, Phase], Loaded] = scripted_loader()

    def loader(settings: Settings, phase: Phase) -> Loaded:
        if not healed.is_set():
            raise StoreCorrupt("A file of the store was altered; build it again.", detail="/secret/path")
        return good(settings, phase)

    with serving(Runtime(settings, loader), until_ready=False) as client:
        wait(lambda: "error" in client.get("/health").json())
        body = client.get("/health").json()
        assert "store_corrupt" == body["error"]["code"]
        assert "/secret" not in json.dumps(body)
        assert [503, 200, 503] == statuses(client)
        wait(lambda: client.get("/health/ready").json() == {"ready": False, "error": body["error"]})
        refused = client.post("/v1/ask", json={"question": QUESTION})
        assert "store_corrupt" == problem(refused, 503, "model_unavailable")["reason"]
        assert "/secret" not in refused.text
        healed.set()
        wait(lambda: client.get("/health/ready").status_code == 200)
        assert {"ready": True} == client.get("/health/ready").json()
        body = client.get("/health").json()
        assert "error" not in body
        assert body["load"]["attempt"] > 1


def test_a_dead_engine_is_not_ready(settings: Settings) -> None:
    """Alive, and honest about it; a question gets model_unavailable."""
    engine = ScriptedEngine()
    with serving(Runtime(settings, scripted_loader(engine))) as client:
        engine.close()
        assert [503, 200, 503] == statuses(client)
        assert "failed" == client.get("/health").json()["state"]
        # It has started, so nobody waits for that any more.
        assert 200 == client.get("/health/startup").status_code
        problem(client.post("/v1/ask", json={"question": QUESTION}), 503, "model_unavailable")


def test_a_server_whose_places_are_all_taken_is_busy(settings: Settings) -> None:
    """It is ready all the same: a place is free in a moment; whoever comes now is told when to come again."""
    engine = ScriptedEngine(lambda _prompt: "one two three", delay_s=5, capacity=1)
    runtime = Runtime(settings.model_copy(update={"max_queue": 0}), scripted_loader(engine))
    with serving(runtime) as client:
        with client.stream("POST", "/v1/ask", json={"question": QUESTION, "stream": True}):
            wait(lambda: client.get("/health").json()["state"] == "busy")
            assert [200, 200, 200] == statuses(client)
            refused = client.post("/v1/ask", json={"question": QUESTION})
            problem(refused, 503, "overloaded")
            assert "2" == refused.headers["retry-after"]
        wait(lambda: client.get("/health").json()["state"] == "ready")


def test_a_server_with_an_older_store_than_there_is_is_degraded(settings: Settings, tmp_path: Path) -> None:
    """It answers from the store it has, and says that the newer one could not be taken."""
    folder = build_small_store(tmp_path)
    settings = settings.model_copy(update={"rag_store": folder})

    def loader(settings: Settings, _phase: Phase) -> Loaded:
        return assemble(ScriptedEngine(), Store(folder), HashingEmbedder(), settings)

    with serving(Runtime(settings, loader)) as client:
        manifest = folder / FILE_NAME
        good = manifest.read_bytes()
        (folder / "new").write_bytes(good.replace(b"{", b"[", 1))
        (folder / "new").replace(manifest)

        def state() -> object:
            assert 200 == client.post("/v1/ask", json={"question": QUESTION}).status_code
            return client.get("/health").json()["state"]

        wait(lambda: state() == "degraded")
        assert ["store_refused"] == client.get("/health").json()["impairments"]
        assert [200, 200, 200] == statuses(client)
        manifest.write_bytes(good)
        wait(lambda: state() == "ready")


def test_health_says_what_is_loaded(settings: Settings) -> None:
    """Model, adapters, index and its size, versions and phase times; nothing about paths."""
    with serving(Runtime(settings, scripted_loader())) as client:
        body = client.get("/health").json()
    assert {"model": "scripted", "documents": 3, "embedder": "hashing-256"}.items() <= body["loaded"].items()
    assert {"askpod", "torch", "transformers"} <= set(body["versions"])
    assert "store" in body["load"]["phases_ms"]
    assert "/tmp" not in json.dumps(body)  # noqa: S108 - a needle, not a file


def test_a_405_names_both_methods(client: httpx.Client) -> None:
    """GET and HEAD, on each of the routes."""
    for path in ("/health", "/health/live", "/health/ready", "/health/startup"):
        response = client.post(path)
        problem(response, 405, "method_not_allowed")
        assert {"GET", "HEAD"} == set(response.headers["allow"].split(", "))
