"""`python -m local_server` as a process: how it refuses to start, and how it stops."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from agent.settings import Settings
from tests import forkserver
from tests.conftest import environment
from tests.local_server.serving import wait


def start(folder: Path, **settings: object) -> forkserver.Popen:
    return forkserver.Popen(
        [sys.executable, "-m", "local_server"],
        cwd=folder, env=environment(**{"log_format": "json", "port": 0, **settings}), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def ended(folder: Path, **settings: object) -> tuple[int, str]:
    process = start(folder, **settings)
    _out, err = process.communicate(timeout=120)
    return process.returncode, err


def test_without_a_key_it_does_not_start(tmp_path: Path) -> None:
    """Exit status 2, and the line says which settings would do."""
    status, err = ended(tmp_path)
    assert (2, 1) == (status, err.count("\n"))
    assert "API_KEYS" in err
    assert "AUTH_DISABLED=true" in err


def test_a_list_of_empty_keys_is_no_key(tmp_path: Path) -> None:
    """`API_KEYS=,` does not let in who sends an empty header."""
    assert 2 == ended(tmp_path, api_keys=" , ")[0]


def test_wrong_settings_are_named_and_their_values_are_not(tmp_path: Path) -> None:
    """Exit status 2, one line for each."""
    status, err = ended(tmp_path, api_keys="sesame", port="secret-port", top_k=99)
    assert 2 == status
    assert ["PORT", "TOP_K"] == sorted(line.split(":")[0] for line in err.splitlines())
    assert "secret-port" not in err


def test_a_misspelt_setting_is_warned_of(tmp_path: Path) -> None:
    """Before it says that there is no key: the one for that is misspelt as well."""
    (tmp_path / ".env").write_text("PLATFORM_MAX_WORKER=2\n", encoding="utf-8")
    status, err = ended(tmp_path, api_key="sesame")
    warning, refusal = err.splitlines()
    assert (2, True) == (status, refusal.startswith("Set API_KEYS"))
    assert ("settings.unknown", "warning") == (json.loads(warning)["event"], json.loads(warning)["level"])
    assert [
        "API_KEY in the environment is no setting; did you mean API_KEYS?",
        "PLATFORM_MAX_WORKER in .env is no setting; did you mean PLATFORM_MAX_WORKERS?",
    ] == json.loads(warning)["names"]


def test_a_taken_port_is_reported(tmp_path: Path) -> None:
    """Exit status 3, and the log says why."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        status, err = ended(tmp_path, auth_disabled="true", port=taken.getsockname()[1])
    assert 3 == status
    assert "in use" in err


@pytest.mark.parametrize("asked_to_stop", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_with_status_0_when_asked(tmp_path: Path, asked_to_stop: signal.Signals) -> None:
    """Also before it could load; there is no store here. Every line of its log is JSON and none holds the key."""
    process = start(tmp_path, api_keys="sesame", rag_store=tmp_path / "none")
    assert process.stderr is not None
    with process.stderr:
        lines = []
        for line in process.stderr:
            lines.append(json.loads(line))
            if lines[-1]["event"] == "server.listening":
                break
        url = f"http://{lines[-1]['host']}:{lines[-1]['port']}"
        wait(lambda: httpx.get(f"{url}/health/live").status_code == 200)
        process.send_signal(asked_to_stop)
        lines += [json.loads(line) for line in process.stderr]
    assert 0 == process.wait(timeout=120)
    assert "sesame" not in json.dumps(lines)


@pytest.mark.chaos
@pytest.mark.parametrize("after_s", [0.0, 1.0, 2.0, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 8.0])
def test_it_stops_with_status_0_in_the_middle_of_loading(
    real_settings: Settings, tmp_path: Path, after_s: float
) -> None:
    """Wherever the real models' native code is at that moment."""
    models = {name: getattr(real_settings, name) for name in ("base_model", "embedding_model", "rag_store")}
    # Executed, because a fork has imported the native code before.
    process = subprocess.Popen(
        [sys.executable, "-m", "local_server"], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        env=environment(log_format="json", port=0, api_keys="sesame", **models),
    )  # fmt: skip
    assert process.stderr is not None
    with process.stderr:
        while "server.listening" not in process.stderr.readline():
            pass
        time.sleep(after_s)
        process.terminate()
        log = process.stderr.read()
    assert (0, True) == (process.wait(timeout=120), all(line.startswith("{") for line in log.splitlines()))


def test_it_says_so_when_anybody_may_ask(tmp_path: Path) -> None:
    """A warning in the log, once."""
    process = start(tmp_path, auth_disabled="true", rag_store=tmp_path / "none")
    assert process.stderr is not None
    with process.stderr:
        events = []
        for line in process.stderr:
            events.append(json.loads(line))
            if events[-1]["event"] == "server.listening":
                break
        process.terminate()
        process.stderr.read()
    process.wait(timeout=120)
    assert ["warning"] == [line["level"] for line in events if line["event"] == "server.auth_disabled"]


def test_contradictory_options_are_refused(tmp_path: Path) -> None:
    """With what they mean; a setting that is not valid has its name."""
    for words, said in (
        (("--workers", "2", "--max-workers", "3"), "--workers N says both"),
        (("--max-workers", "65"), "PLATFORM_MAX_WORKERS: "),
        (("--workers", "x"), "--workers"),
        (("--hub-harness",), "tests.json"),
    ):
        finished = forkserver.run(
            [sys.executable, "-m", "local_server", *words],
            cwd=tmp_path, env=environment(api_keys="k"), capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert 2 == finished.returncode
        assert said in finished.stderr
