"""`python -m agent.ask` as a real process, with models of its own."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.schemas import Answer
from agent.settings import Settings
from tests.agent.ask.calling import NOWHERE, QUESTION, REAL, SENTENCE, call, scripted, start
from tests.conftest import ROOT, environment


def test_a_question_is_answered_with_its_sources() -> None:
    """Status 0; standard output has the answer and nothing else, standard error nothing that nobody asked for."""
    ended = call(scripted(QUESTION))
    assert (0, "cancelled 0\n") == (ended.returncode, ended.stderr)
    assert ended.stdout.startswith(
        f"{SENTENCE} [1]\n\n  [1] server.md:3  The server\n      “{SENTENCE}”\n\nmodel scripted"
    )
    assert "\x1b" not in ended.stdout


def test_what_the_documents_do_not_hold_has_a_status_of_its_own() -> None:
    """Status 3, why, and what came closest."""
    ended = call(scripted(NOWHERE))
    assert 3 == ended.returncode
    assert "The documents do not say.\n\nReason    out_of_corpus: " in ended.stdout
    assert "Nearest passages, none of which is verified as an answer:\n  - " in ended.stdout


def test_the_question_may_come_through_a_pipe() -> None:
    """All of standard input is one question."""
    ended = call(scripted("--extractive"), stdin=b"Which port does the\nHTTP server listen on?\n")
    assert (0, True) == (ended.returncode, ended.stdout.startswith(f"{SENTENCE} The key goes in X-API-KEY. [1]\n"))


def test_json_is_the_whole_answer_and_nothing_else() -> None:
    """One object on one line, as over HTTP."""
    ended = call(scripted("--json", "--trace", QUESTION, "--adapter", "none", "--seed", "7"))
    answer = Answer.model_validate(json.loads(ended.stdout))
    assert (0, 1, None) == (ended.returncode, ended.stdout.count("\n"), answer.adapter)
    assert f"{SENTENCE} [1]" == answer.answer


def test_a_trace_is_shown_behind_the_answer() -> None:
    """Every step, with what it decided."""
    lines = call(scripted("--trace", QUESTION)).stdout.splitlines()
    assert ["router", "retriever", "context", "answerer", "verifier", "total"] == [
        line.split()[0] for line in lines[lines.index("") :] if " ms" in line
    ]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("   ",), "invalid_request"),
        (("x" * 4001,), "invalid_request"),
        ((QUESTION, "--temperature", "9"), "invalid_request"),
        ((QUESTION, "--adapter", "nobody"), "unknown_adapter"),
        ((QUESTION, "--filter", "colour=red"), "unknown_filter"),
    ],
)
def test_bad_input_has_status_2_and_a_code(words: tuple[str, ...], code: str) -> None:
    """For a person on standard error, for a program as the problem that HTTP would have."""
    told = call(scripted(*words))
    assert (2, "") == (told.returncode, told.stdout)
    assert f"Error     {code}: " in told.stderr
    ended = call(scripted("--json", *words))
    problem = json.loads(ended.stdout)
    assert (2, code, 422) == (ended.returncode, problem["code"], problem["status"])


def test_no_question_at_all_is_bad_input() -> None:
    """As is one that is no text."""
    for stdin in (b"", b" \n", b"\xff\xfe"):
        ended = call(scripted(), stdin=stdin)
        assert (2, "") == (ended.returncode, ended.stdout)
        assert "invalid_request" in ended.stderr


def test_a_model_that_cannot_be_loaded_has_status_1(tmp_path: Path) -> None:
    """And says why."""
    ended = call([*REAL, QUESTION], RAG_STORE=tmp_path / "none")
    assert (1, "") == (ended.returncode, ended.stdout)
    assert "Error     model_unavailable (store_missing): There is no store" in ended.stderr


def test_a_setting_that_is_not_valid_has_status_2() -> None:
    """Its name is told, and not its value."""
    ended = call([*REAL, QUESTION], TOP_K="many")
    assert (2, "") == (ended.returncode, ended.stdout)
    assert "TOP_K: " in ended.stderr
    assert "many" not in ended.stderr


def test_an_answer_that_takes_too_long_is_given_up() -> None:
    """Status 1: it may be in time another time; nothing goes on."""
    ended = call(scripted(QUESTION, "--timeout", "0.3", word_s=5))
    assert (1, True, True) == (ended.returncode, "deadline_exceeded" in ended.stderr, "cancelled 1" in ended.stderr)


def test_ctrl_c_stops_the_answer() -> None:
    """Status 130, no traceback, and the model writes no further."""
    process = start(scripted(QUESTION, word_s=60), LOG_LEVEL="INFO", LOG_FORMAT="json")
    assert process.stderr is not None
    while '"context"' not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=120)
    assert (130, "", True) == (process.returncode, stdout, stderr.endswith("cancelled 1\n"))
    assert "Traceback" not in stderr


def test_ctrl_c_while_the_models_load_ends_at_once() -> None:
    """Nothing is waited for, and nothing is said."""
    program = (
        "import signal, time; from agent.ask.__main__ import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def load(settings, phase):\n"
        "    print('loading', flush=True)\n"
        "    time.sleep(600)\n"
        "main(['x'], load)"
    )
    process = start([REAL[0], "-c", program])
    assert process.stdout is not None
    assert "loading\n" == process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert ("", "", 130) == (*process.communicate(timeout=120), process.returncode)


def test_a_reader_that_leaves_is_no_error() -> None:
    """As with `| head`."""
    process = start(scripted("--trace", QUESTION, word_s=0.2))
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    assert "cancelled 0\n" == process.communicate(timeout=120)[1]
    assert 141 == process.returncode


def test_a_server_is_asked_without_loading_anything() -> None:
    """Neither torch nor the store's libraries are imported for it."""
    program = (
        "import sys; from agent.ask.__main__ import main; main(['--server', 'http://127.0.0.1:9', 'x']);"
        "print({'torch', 'faiss', 'agent.loading'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program]
    asked = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True)
    assert "set()\n" == asked.stdout


def test_the_real_models_answer(real_settings: Settings) -> None:
    """As everything stands together."""
    env = environment(**real_settings.model_dump(include={"base_model", "embedding_model", "rag_store"}))
    command = [*REAL, "Which header carries the API key?"]
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (0, "") == (ended.returncode, ended.stderr)
    assert "X-API-KEY" in ended.stdout.splitlines()[0]
    line = next(line for line in ended.stdout.splitlines() if line.startswith("  [1] "))
    source, number = line.split()[1].split(":")
    guide = (real_settings.rag_store.parent / "docs" / source).read_text(encoding="utf-8").splitlines()
    assert "X-API-KEY" in guide[int(number) - 1]
