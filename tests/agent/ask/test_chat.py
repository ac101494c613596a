"""The chat, on a terminal of its own."""

import os
import pty
import re
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests import forkserver
from tests.agent.ask.calling import QUESTION, SENTENCE, scripted
from tests.conftest import ROOT, environment
from tests.local_server.serving import wait

CTRL_C, CTRL_D = "\x03", "\x04"


class Terminal:
    """What a person would see, and do."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._seen = ""

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def until(self, text: str, seconds: float = 120) -> str:
        """What has come since the last call, up to `text`, without colours; fails when that does not come."""
        deadline = time.monotonic() + seconds
        while text not in self._plain():
            assert time.monotonic() < deadline, f"{text!r} is not in {self._plain()!r}"
            self._read()
        before, _, rest = self._plain().partition(text)
        self._seen = rest
        return before + text

    def _read(self) -> None:
        if select.select([self._master], [], [], 0.2)[0]:
            # The other side has closed: there is no more to come.
            with suppress(OSError):
                self._seen += os.read(self._master, 65536).decode("utf-8", "replace")

    def _plain(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._seen).replace("\r", "")


@contextmanager
def chat(*words: str, says: str = SENTENCE, word_s: float = 0.0) -> Iterator[tuple[Terminal, forkserver.Popen]]:
    master, slave = pty.openpty()
    process = forkserver.Popen(
        scripted(*words, says=says, word_s=word_s), cwd=ROOT, env=environment() | {"TERM": "xterm", "COLUMNS": "200"},
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        terminal = Terminal(master)
        terminal.until("Ctrl-D leaves.")
        terminal.until("> ")
        yield terminal, process
    finally:
        process.kill()
        process.wait()
        os.close(master)


def test_a_chat_asks_and_goes_on() -> None:
    """An answer with its sources, the sources again, the trace, and a status of 0 in the end."""
    with chat() as (terminal, process):
        terminal.type(f"{QUESTION}\n")
        assert f"{SENTENCE} [1]" in terminal.until("[1] server.md:3")
        terminal.until("> ")
        terminal.type("/sources\n")
        terminal.until("[1] server.md:3  The server")
        terminal.until("> ")
        terminal.type("/trace\n")
        terminal.until("retriever  found")
        terminal.until("> ")
        terminal.type(CTRL_D)
        assert 0 == process.wait(120)


def test_a_question_that_leans_on_the_one_before_is_understood() -> None:
    """Until what was said is forgotten."""
    with chat("--trace") as (terminal, process):
        for question, route in ((QUESTION, "question"), ("And why that one?", "followup")):
            terminal.type(f"{question}\n")
            terminal.until(f"route {route}")
            terminal.until("\n> ")
        terminal.type("/new\n")
        terminal.until("forgotten")
        terminal.type("And why that one?\n")
        terminal.until("route question")
        terminal.until("\n> ")
        terminal.type("/exit\n")
        assert 0 == process.wait(120)


def test_ctrl_c_stops_the_answer_and_not_the_chat() -> None:
    """The model writes no further; at the prompt it only begins a new line."""
    with chat(word_s=60) as (terminal, process):
        terminal.type(f"{QUESTION}\n")
        terminal.until("passages ...")
        terminal.type(CTRL_C)
        terminal.until("Stopped.")
        terminal.until("\n> ")
        # A signal between the writing of the prompt and its reading would wait for the next key.
        wait(lambda: ") S " in Path(f"/proc/{process.pid}/stat").read_text())
        terminal.type(CTRL_C)
        terminal.until("\n> ")
        terminal.type("/sources\n")
        terminal.until("Nothing was answered yet.")
        terminal.type(CTRL_D)
        terminal.until("cancelled 1")
        assert 0 == process.wait(120)


def test_an_error_does_not_end_the_chat() -> None:
    """Neither a question that is not valid nor a command that there is not."""
    with chat("--adapter", "nobody") as (terminal, process):
        terminal.type(f"{QUESTION}\n")
        terminal.until("unknown_adapter")
        terminal.until("\n> ")
        terminal.type("/what\n")
        terminal.until("/sources")
        terminal.until("\n> ")
        terminal.type("/exit\n")
        assert 0 == process.wait(120)


def test_a_draft_is_seen_while_it_is_written() -> None:
    """Words come one after the other; the verified answer takes their place."""
    with chat(word_s=0.4) as (terminal, _process):
        terminal.type(f"{QUESTION}\n")
        terminal.until("The HTTP server")
        terminal.until("on port 8000")
        terminal.until(f"{SENTENCE} [1]")
