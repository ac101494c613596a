"""`python -m handler` as a real process: under the SDK's loop against a control plane, and in local mode."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from agent.settings import Settings
from tests import forkserver
from tests.conftest import ROOT, environment
from tests.fakes.control_plane import ControlPlane

QUESTION = "Which header carries the API key?"
# runpod 1.12.0, rp_http.py: FibonacciRetry(attempts=3)
SDK_ATTEMPTS = 3


def named(settings: Settings, **changes: object) -> dict[str, object]:
    return {
        "base_model": settings.base_model,
        "embedding_model": settings.embedding_model,
        "rag_store": settings.rag_store,
        "log_format": "json",
        **changes,
    }


@contextmanager
def worker(plane: ControlPlane, log: Path, *command: str, **settings: object) -> Iterator[forkserver.Popen]:
    env = environment(**settings) | plane.environment()
    with log.open("wb") as stderr:
        process = forkserver.Popen(
            [sys.executable, "-m", *(command or ("handler",))],
            cwd=ROOT,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            # The SDK's ping is a process of its own; both may have ended.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def problem(result: dict[str, Any]) -> dict[str, Any]:
    assert isinstance(result["error"], str)
    return dict(json.loads(result["error"]))


def test_a_worker_answers_jobs_under_the_sdk_loop(real_settings: Settings, tmp_path: Path) -> None:
    """Good jobs get real, cited answers; bad ones one clear error each; the worker lives on."""
    bad_inputs: dict[str, Any] = {
        "malformed_body": ["a", "list"],
        "invalid_request": {"question": QUESTION, "colour": "red"},
        "unknown_adapter": {"question": QUESTION, "adapter": "nobody"},
    }
    with ControlPlane() as plane, worker(plane, tmp_path / "log", **named(real_settings)):
        first = plane.submit(input={"question": QUESTION})
        output = plane.result(first, 120)["output"]
        assert "X-API-KEY" in output["answer"]
        assert output["citations"]
        guides = real_settings.rag_store.parent / "docs"
        source = (guides / output["citations"][0]["source"]).read_text(encoding="utf-8")
        for citation in output["citations"]:
            assert source[citation["start"] : citation["end"]] == citation["quote"]
        # One at a time: the SDK drops a job without input where it has one place left, and passes it on in a batch.
        for code, job in [*((code, {"input": value}) for code, value in bad_inputs.items()), ("malformed_body", {})]:
            result = plane.result(plane.submit(**job), 120)
            assert code == problem(result)["code"]
            assert set(result) == {"error"}
            for secret in ("Traceback", str(ROOT), socket.gethostname()):
                assert secret not in result["error"]
        again = plane.submit(input={"question": "¿En qué puerto escucha el servidor HTTP?"})
        assert "8000" in plane.result(again, 120)["output"]["answer"]
        assert plane.pings


def test_a_model_that_cannot_load_is_reported_and_recovers(real_settings: Settings, tmp_path: Path) -> None:
    """Without its weights jobs get model_unavailable and the log says why; once they are back, the worker answers."""
    base = Path(real_settings.base_model)
    model = tmp_path / base.name
    shutil.copytree(base, model, ignore=shutil.ignore_patterns("*.safetensors"))
    log = tmp_path / "log"
    changes = {"base_model": model, "load_retry_s": 0.5, "load_retry_max_s": 1}
    with ControlPlane() as plane, worker(plane, log, **named(real_settings, **changes)):
        failed = problem(plane.result(plane.submit(input={"question": QUESTION}), 120))
        assert ("model_unavailable", True, "model_invalid") == tuple(
            failed[name] for name in ("code", "retryable", "reason")
        )
        lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
        assert any(line.get("event") == "load.failed" and line["code"] == "model_invalid" for line in lines)
        (model / "model.safetensors").symlink_to(base / "model.safetensors")
        results: list[dict[str, Any]] = []

        def answered() -> bool:
            results.append(plane.result(plane.submit(input={"question": QUESTION}), 120))
            return "output" in results[-1]

        until(answered, attempts=1200)
        assert "X-API-KEY" in results[-1]["output"]["answer"]


@pytest.mark.slow
def test_a_worker_that_was_frozen_answers_on(real_settings: Settings, tmp_path: Path) -> None:
    """As a snapshot does it, idle or in the middle of an answer, for longer than a step may take."""
    log = tmp_path / "log"
    freeze_s = 6
    changes = {"hung_step_s": freeze_s - 1}
    with ControlPlane() as plane, worker(plane, log, **named(real_settings, **changes)) as process:
        answers = [plane.result(plane.submit(input={"question": QUESTION}), 120)["output"]["answer"]]
        for busy in (False, True):
            job = plane.submit(input={"question": QUESTION}) if busy else None
            until(lambda job=job: job is None or job in plane.leased)
            time.sleep(0.5)
            os.killpg(process.pid, signal.SIGSTOP)
            time.sleep(freeze_s)
            os.killpg(process.pid, signal.SIGCONT)
            job = job or plane.submit(input={"question": QUESTION})
            answers.append(plane.result(job, 120)["output"]["answer"])
        assert answers[:1] * 3 == answers
        assert process.poll() is None


def until(condition: Callable[[], bool], between: Callable[[], None] = lambda: None, *, attempts: int = 1200) -> None:
    pause = threading.Event()
    for _attempt in range(attempts):
        if condition():
            return
        between()
        pause.wait(0.1)
    pytest.fail("waited in vain")


def done_lines(log: Path) -> list[dict[str, Any]]:
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
    return [event for event in map(json.loads, lines) if event.get("event") == "ask.done"]


def outcomes(log: Path) -> list[str]:
    return [line["outcome"] for line in done_lines(log)]


def test_a_stopped_job_is_cancelled_and_the_worker_lives_on(tmp_path: Path) -> None:
    """job-stop ends the generation, brings no result, and the next job is answered."""
    log = tmp_path / "log"
    with ControlPlane() as plane, worker(plane, log, "tests.handler.scripted_worker", "30", log_format="json"):
        stopped = plane.submit(input={"question": "Which port does the HTTP server listen on?"})
        until(lambda: stopped in plane.leased)
        # The SDK forgets a stop that comes before the job has started.
        until(lambda: outcomes(log) == ["cancelled"], between=lambda: plane.stop(stopped))
        assert "Hello" in plane.result(plane.submit(input={"question": "Hello"}), 120)["output"]["answer"]
        assert stopped not in plane.results


def test_a_job_whose_worker_died_is_answered_by_the_next_one(tmp_path: Path) -> None:
    """A job can be delivered again: it keeps its id, and nothing of the first attempt is in the way."""
    log = tmp_path / "log"
    with ControlPlane() as plane:
        with worker(plane, log, "tests.handler.scripted_worker", "30", log_format="json"):
            job_id = plane.submit(input={"question": "Which port does the HTTP server listen on?"})
            until(lambda: job_id in plane.leased)
        assert job_id not in plane.results
        plane.redeliver(job_id)
        with worker(plane, log, "tests.handler.scripted_worker", "0", log_format="json"):
            output = plane.result(job_id, 120)["output"]
    assert job_id == output["request_id"]
    assert "8000" in output["answer"]


def test_an_answer_whose_delivery_failed_is_not_made_again(tmp_path: Path) -> None:
    """The SDK gives up after three attempts; the job comes again, and what comes of it was kept."""
    log = tmp_path / "log"
    with ControlPlane() as plane, worker(plane, log, "tests.handler.scripted_worker", "0", log_format="json"):
        plane.refuses = SDK_ATTEMPTS
        job_id = plane.submit(input={"question": "Which port does the HTTP server listen on?"})
        until(lambda: plane.refuses == 0)
        time.sleep(1)
        assert job_id not in plane.results
        plane.redeliver(job_id)
        assert "8000" in plane.result(job_id, 120)["output"]["answer"]
    assert [False, True] == [line["replayed"] for line in done_lines(log)]


def stopped(process: forkserver.Popen) -> tuple[int, float]:
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    return process.wait(120), time.monotonic() - began


def test_a_worker_that_is_told_to_stop_delivers_what_runs(tmp_path: Path) -> None:
    """SIGTERM in the middle of an answer: it is whole, and so is that of a job which comes in the same moment, because
    the worker had asked for it before; no other is taken, and the exit status is 0.
    """
    log = tmp_path / "log"
    with ControlPlane() as plane, worker(plane, log, "tests.handler.scripted_worker", ".3", log_format="json") as one:
        job_id = plane.submit(input={"question": "Which port does the HTTP server listen on?"})
        until(lambda: job_id in plane.leased)
        # Beside one that runs it has asked for three more.
        time.sleep(0.5)
        began = time.monotonic()
        one.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        late = plane.submit(input={"question": "Hello"})
        until(lambda: late in plane.leased or late in plane.results)
        later = plane.submit(input={"question": "Hello"})
        assert 0 == one.wait(120)
        assert time.monotonic() - began < 10
        assert "8000" in plane.results[job_id]["output"]["answer"]
        assert "Hello" in plane.results[late]["output"]["answer"]
        assert later not in plane.leased
        assert later not in plane.results


def test_a_job_that_outlasts_the_drain_is_delivered_again_and_not_suspected(tmp_path: Path) -> None:
    """The worker ends with status 0 after DRAIN_TIMEOUT_S; the third one that is given the job answers it."""
    changes = {"log_format": "json", "drain_timeout_s": 1, "poison_ledger": tmp_path / "ledger"}
    with ControlPlane() as plane:
        job_id = plane.submit(input={"question": "Which port does the HTTP server listen on?"})
        for at in range(2):
            log = tmp_path / f"log{at}"
            with worker(plane, log, "tests.handler.scripted_worker", "30", **changes) as one:
                until(lambda: job_id in plane.leased)
                until(lambda: any((tmp_path / "ledger").iterdir()))
                status, seconds = stopped(one)
                assert 0 == status
                # The setting counts, not its default.
                assert 1 <= seconds < Settings.model_fields["drain_timeout_s"].default
            assert "worker.cut_off" in log.read_text(encoding="utf-8")
            assert job_id not in plane.results
            plane.redeliver(job_id)
        with worker(plane, tmp_path / "last", "tests.handler.scripted_worker", "0", **changes):
            assert "8000" in plane.result(job_id, 120)["output"]["answer"]


def test_a_worker_without_a_job_stops_at_once(tmp_path: Path) -> None:
    """It does not wait for the job that it has asked for."""
    log = tmp_path / "log"
    polls_s = 60
    with (
        ControlPlane(polls_s) as plane,
        worker(plane, log, "tests.handler.scripted_worker", "0", log_format="json") as one,
    ):
        plane.result(plane.submit(input={"question": "Hello"}), 120)
        time.sleep(0.5)
        status, seconds = stopped(one)
        assert 0 == status
        assert seconds < polls_s / 2


def run_locally(settings: Settings, folder: Path, job: object, **changes: object) -> subprocess.CompletedProcess[str]:
    (folder / "test_input.json").write_text(json.dumps(job), encoding="utf-8")
    return forkserver.run(
        [sys.executable, "-m", "handler"],
        cwd=folder, env=environment(**named(settings, **changes)), capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def test_local_mode_prints_a_readable_answer_with_its_sources(real_settings: Settings, tmp_path: Path) -> None:
    """`python -m handler` runs test_input.json and exits 0."""
    finished = run_locally(real_settings, tmp_path, json.loads((ROOT / "test_input.json").read_text()))
    assert 0 == finished.returncode, finished.stderr
    assert "X-API-KEY" in finished.stdout
    assert "  [1] api.md:" in finished.stdout


def test_local_mode_fails_when_the_job_fails(real_settings: Settings, tmp_path: Path) -> None:
    """A question that is not a string ends with exit status 1 and says which field is wrong."""
    finished = run_locally(real_settings, tmp_path, {"input": {"question": 5}})
    assert 1 == finished.returncode
    assert "question" in finished.stdout


def test_local_mode_says_why_nothing_was_loaded(real_settings: Settings, tmp_path: Path) -> None:
    """An adapter that is not there is named, and the exit status is 1."""
    finished = run_locally(real_settings, tmp_path, {"input": {"question": QUESTION}}, lora_model="mine=nowhere")
    assert 1 == finished.returncode
    assert "      model_not_found: The adapter mine of LORA_MODEL was not found." in finished.stdout


def test_a_wrong_setting_is_named_and_its_value_is_not(tmp_path: Path) -> None:
    """`python -m handler` with TOP_K=secret exits 2 with one line."""
    env = environment(top_k="secret")
    command = [sys.executable, "-m", "handler"]
    finished = forkserver.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert 2 == finished.returncode
    assert finished.stderr.startswith("TOP_K: ")
    assert "secret" not in finished.stderr


def test_a_misspelt_setting_is_warned_of(real_settings: Settings, tmp_path: Path) -> None:
    """In one line, of `.env` and of the environment; the platform's settings are none of the handler's."""
    (tmp_path / ".env").write_text("RAG_STOR=mine\nPLATFORM_FAULTS=true\nOTEL_SERVICE_NAME=mine\n", encoding="utf-8")
    finished = run_locally(
        real_settings, tmp_path, {"input": {"question": QUESTION}}, lora_models="a", base_model="none"
    )
    assert 0 == finished.returncode, finished.stderr
    (line,) = [json.loads(line) for line in finished.stderr.splitlines() if "settings.unknown" in line]
    assert [
        "LORA_MODELS in the environment is no setting; did you mean LORA_MODEL?",
        "RAG_STOR in .env is no setting; did you mean RAG_STORE?",
    ] == line["names"]


@pytest.mark.parametrize("module", ["torch", "transformers", "runpod"])
def test_importing_the_handler_loads_nothing(module: str) -> None:
    """`import handler.handler` leaves the heavy libraries alone."""
    code = f"import sys, handler.handler; sys.exit({module!r} in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment(), check=False).returncode
