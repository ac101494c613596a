"""The command asks a real server, and a real endpoint's emulation, over real sockets."""

import io
import json
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from pydantic import SecretStr

from agent.ask.__main__ import main
from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.settings import Settings
from agent.telemetry.logs import configure_logging
from tests.agent.ask.calling import ANSWERED, NOWHERE, QUESTION, REAL, SENTENCE, call, start
from tests.fakes.loading import scripted_loader
from tests.local_server.serving import KEY, free_port, serving, wait

Ask = Callable[..., tuple[int, str, str]]


@contextmanager
def server(engine: ScriptedEngine, *, mode: str = "answer") -> Iterator[tuple[httpx.Client, str]]:
    """A client of a server, and the server's URL."""
    settings = Settings(api_keys=(SecretStr(KEY),), port=0, handler_mode=mode)  # type: ignore[arg-type]
    handlers, level = logging.root.handlers[:], logging.root.level
    configure_logging(settings, io.StringIO())
    with serving(Runtime(settings, scripted_loader(engine))) as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        yield client, str(client.base_url).rstrip("/")
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture(scope="module")
def urls() -> Iterator[dict[str, str]]:
    """A server, and an endpoint whose handler streams or does not."""
    with ExitStack() as stack:
        whole, streamed = (
            stack.enter_context(server(ScriptedEngine(lambda _prompt: SENTENCE, adapters=("ask",)), mode=mode))[1]
            for mode in ("answer", "stream")
        )
        yield {
            "server": whole, "endpoint": f"{whole}/v2/askpod", "streaming endpoint": f"{streamed}/v2/askpod",
        }  # fmt: skip


@pytest.fixture(params=["server", "endpoint", "streaming endpoint"])
def ask(
    request: pytest.FixtureRequest, urls: dict[str, str], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Ask:  # fmt: skip
    """Asks each of them in turn: exit status, standard output and standard error."""
    monkeypatch.setenv("ASKPOD_API_KEY", KEY)

    def asked(*words: str) -> tuple[int, str, str]:
        status = main(["--server", urls[request.param], *words])
        return (status, *capsys.readouterr())

    return asked


def test_a_server_answers_as_the_models_here_would(ask: Ask) -> None:
    """The same lines, and the same status."""
    status, out, err = ask(QUESTION)
    assert (0, "") == (status, err)
    assert out.startswith(ANSWERED)


def test_an_abstention_of_a_server_is_one_here(ask: Ask) -> None:
    """With its reason and what came closest."""
    status, out, _err = ask(NOWHERE)
    assert (3, True) == (status, "Nearest passages, none of which is verified as an answer:" in out)


def test_options_go_along_to_the_server(ask: Ask) -> None:
    """Also the one that says that there is no adapter."""
    answer = json.loads(ask("--json", QUESTION, "--adapter", "none", "--filter", "language=es", "--top-k", "1")[1])
    assert (None, {"es/servidor.md"}) == (answer["adapter"], {one["source"] for one in answer["nearest"]})


def test_an_error_of_a_server_is_its_own(ask: Ask) -> None:
    """With its code, its sentence and the id that its log has."""
    status, out, err = ask(QUESTION, "--adapter", "nobody")
    assert (2, "") == (status, out)
    assert err.startswith("Error     unknown_adapter: There is no adapter of this name.\n      request ")
    status, out, _err = ask("--json", QUESTION, "--filter", "colour=red")
    assert (2, "unknown_filter") == (status, json.loads(out)["code"])


def test_a_wrong_key_says_which_variable_to_set(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the key is shown nowhere."""
    monkeypatch.setenv("MY_KEY", "open-sesame")
    status, out, err = ask(QUESTION, "--key-env", "MY_KEY")
    assert (2, "") == (status, out)
    assert "Error     unauthorized: " in err
    assert "Set the environment variable MY_KEY to a key of http://127.0.0.1" in err
    assert "open-sesame" not in err


def test_a_key_that_no_header_can_hold_is_bad_input(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not sent, and not shown."""
    monkeypatch.setenv("ASKPOD_API_KEY", "ses\name")
    assert (2, "", "ASKPOD_API_KEY holds characters that no key has.\n") == ask(QUESTION)


@pytest.mark.parametrize("path", ["", "/v2/askpod"])
def test_a_server_that_is_not_there_has_status_1(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its address is told."""
    url = f"http://127.0.0.1:{free_port()}{path}"
    assert 1 == main(["--server", url, QUESTION])
    assert f"Error     unavailable (unreachable): {url} cannot be reached" in capsys.readouterr().err


def test_what_is_no_askpod_is_told_as_such(urls: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """By its status where that says something."""
    assert 2 == main(["--server", f"{urls['server']}/v2/somebody", QUESTION, "--key-env", "PATH"])
    assert "Error     " in capsys.readouterr().err


@pytest.mark.parametrize("where", ["server", "endpoint", "streaming endpoint"])
def test_ctrl_c_stops_the_answer_on_the_server(where: str) -> None:
    """Nobody pays for an answer that nobody waits for."""
    engine = ScriptedEngine(lambda _prompt: SENTENCE, delay_s=60)
    with server(engine, mode="stream" if where == "streaming endpoint" else "answer") as (client, base):
        url = base + ("" if where == "server" else "/v2/askpod")
        process = start([*REAL, "--server", url, QUESTION], ASKPOD_API_KEY=KEY)
        wait(lambda: engine.stats().running == 1)
        process.send_signal(signal.SIGINT)
        assert ("", "") == process.communicate(timeout=120)
        assert 130 == process.returncode
        wait(lambda: engine.cancelled == 1)
        if where != "server":
            assert ["CANCELLED"] == [job["status"] for job in client.get("/v2/askpod/requests").json()["requests"]]


def test_a_deadline_ends_the_wait_for_a_server_that_says_nothing() -> None:
    """Also where the server does not keep it, as before a worker has taken the job."""
    engine = ScriptedEngine(lambda _prompt: SENTENCE, delay_s=60)
    with server(engine) as (_client, url):
        ended = call([*REAL, "--server", url, QUESTION, "--timeout", "0.5"],
                     ASKPOD_API_KEY=KEY)  # fmt: skip
    assert (1, True, 1) == (ended.returncode, "deadline_exceeded" in ended.stderr, engine.cancelled)
