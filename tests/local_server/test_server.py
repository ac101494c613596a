"""How the server ends what runs when it stops."""

import threading

import httpx

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime, State
from agent.settings import Settings
from local_server.platform.settings import PlatformSettings
from local_server.server import Server
from tests.fakes.loading import scripted_loader
from tests.local_server.conftest import Log
from tests.local_server.serving import (
    ANSWER,
    ENDLESS,
    QUESTION,
    SENTENCE,
    connected,
    parse_events,
    problem,
    serving,
    wait,
)


def in_background(client: httpx.Client, responses: list[httpx.Response], *, stream: bool = False) -> threading.Thread:
    """Ask while the test goes on."""

    def ask() -> None:
        body = {"question": QUESTION, "stream": stream}
        responses.append(client.post("/v1/ask", json=body, headers={"X-Request-ID": "r-1"}))

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_a_question_that_runs_is_answered_before_the_end(settings: Settings, log: Log) -> None:
    """The server stops when the answer is out, and then the runtime is closed."""
    engine = ScriptedEngine(lambda _prompt: SENTENCE, delay_s=0.05)
    runtime, responses = Runtime(settings, scripted_loader(engine)), list[httpx.Response]()
    with httpx.Client(timeout=120) as outlasting, serving(runtime) as client:
        outlasting.base_url = client.base_url
        thread = in_background(outlasting, responses)
        wait(lambda: engine.stats().running == 1)
    thread.join()
    assert [ANSWER] == [response.json()["answer"] for response in responses]
    assert State.CLOSED == runtime.state
    assert {"r-1": ["answered"]} == log.outcomes()


def test_a_server_that_drains_finishes_what_runs_and_refuses_the_new(settings: Settings) -> None:
    """Not ready, alive, and whoever comes is told to ask again; what ran before is answered."""
    engine = ScriptedEngine(lambda _prompt: SENTENCE, delay_s=0.2)
    runtime, responses = Runtime(settings, scripted_loader(engine)), list[httpx.Response]()
    stopping = Server.around(runtime, PlatformSettings())
    running = threading.Thread(target=stopping.run)
    running.start()
    wait(lambda: bool(stopping.listening))
    host, port = stopping.listening[0]
    with httpx.Client(timeout=120, base_url=f"http://{host}:{port}") as client:
        wait(lambda: client.get("/health/ready").status_code == 200)
        thread = in_background(client, responses)
        wait(lambda: engine.stats().running == 1)
        stopping.should_exit = True
        wait(lambda: client.get("/health/ready").status_code == 503)
        assert "draining" == client.get("/health").json()["state"]
        assert 200 == client.get("/health/live").status_code
        for body in ({"question": QUESTION}, {"question": QUESTION, "stream": True}):
            refused = client.post("/v1/ask", json=body)
            assert problem(refused, 503, "draining")["retryable"]
            assert "retry-after" in refused.headers
        thread.join()
    running.join()
    assert [ANSWER] == [response.json()["answer"] for response in responses]


def test_a_question_that_outlasts_the_grace_may_be_asked_again(settings: Settings, log: Log) -> None:
    """503 with Retry-After instead of a cut connection; the engine has stopped."""
    engine = ScriptedEngine(lambda _prompt: ENDLESS, delay_s=0.05)
    runtime, responses = Runtime(settings, scripted_loader(engine)), list[httpx.Response]()
    with httpx.Client(timeout=120) as outlasting, serving(runtime, grace_s=1) as client:
        outlasting.base_url = client.base_url
        thread = in_background(outlasting, responses)
        wait(lambda: engine.stats().running == 1)
    thread.join()
    (response,) = responses
    assert problem(response, 503, "unavailable")["retryable"]
    assert "retry-after" in response.headers
    assert (1, 0) == (engine.cancelled, engine.stats().running)
    assert {"r-1": ["cancelled"]} == log.outcomes()


def test_a_stream_that_outlasts_the_grace_ends_with_an_error(settings: Settings, log: Log) -> None:
    """Its last event is the same problem, and the response is whole."""
    engine = ScriptedEngine(lambda _prompt: ENDLESS, delay_s=0.05)
    responses: list[httpx.Response] = []
    runtime = Runtime(settings, scripted_loader(engine))
    with httpx.Client(timeout=120) as outlasting, serving(runtime, grace_s=1) as client:
        outlasting.base_url = client.base_url
        thread = in_background(outlasting, responses, stream=True)
        wait(lambda: engine.stats().running == 1)
    thread.join()
    events = parse_events(responses[0].content)
    assert "delta" in [name for name, _data in events]
    name, problem = events[-1]
    assert ("error", "unavailable", "r-1") == (name, problem["code"], problem["request_id"])
    assert {"r-1": ["cancelled"]} == log.outcomes()


def test_there_are_no_websockets(client: httpx.Client) -> None:
    """A request to become one is answered as the ordinary request that it also is."""
    upgrade = (
        "GET /health/live HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with connected(client) as connection:
        connection.sendall(upgrade.encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
