"""The command as a real process, with a scripted model or a server to ask."""

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from tests import forkserver
from tests.conftest import ROOT, environment

SCRIPTED = (sys.executable, "-m", "tests.agent.ask.scripted_ask")
REAL = (sys.executable, "-m", "agent.ask")
QUESTION = "Which port does the HTTP server listen on?"
NOWHERE = "Who painted Mona Lisa?"
SENTENCE = "The HTTP server listens on port 8000 by default."
# What the command prints first.
ANSWERED = f"{SENTENCE} [1]\n\n  [1] server.md:3  The server\n      “{SENTENCE}”\n\nmodel scripted"


def scripted(*words: str, says: str = SENTENCE, word_s: float = 0.0) -> list[str]:
    """The command line of the command whose model says `says`, one word in `word_s` seconds."""
    return [*SCRIPTED, str(word_s), says, *words]


def call(command: Sequence[str], stdin: bytes = b"", **variables: Any) -> subprocess.CompletedProcess[str]:
    """Run it to its end; `variables` are of its environment."""
    finished = forkserver.run(
        command, cwd=ROOT, env=environment() | _as_given(variables), input=stdin, capture_output=True, timeout=120
    )
    return subprocess.CompletedProcess(command, finished.returncode, finished.stdout.decode(), finished.stderr.decode())


def start(command: Sequence[str], **variables: Any) -> forkserver.Popen:
    """Start it, with pipes."""
    return forkserver.Popen(
        command, cwd=ROOT, env=environment() | _as_given(variables), text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def _as_given(variables: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in variables.items()}
