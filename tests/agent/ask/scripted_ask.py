"""The real command with a scripted model: `python -m tests.agent.ask.scripted_ask SECONDS_PER_WORD TEXT ARGUMENTS...`.

`TEXT` is what the model writes; empty is no model at all. In the end standard error says how many were cut off.
"""

import os
import signal
import sys

from agent.ask.__main__ import main
from agent.engine.no_engine import NoEngine
from agent.engine.scripted import ScriptedEngine
from tests.fakes.loading import scripted_loader

if __name__ == "__main__":
    # A shell that runs the tests in the background has its children ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.stdin.isatty():
        # Whoever opens a terminal first has it as its own, and gets its Ctrl-C.
        os.close(os.open(os.ttyname(sys.stdin.fileno()), os.O_RDWR))
    delay_s, text, *words = sys.argv[1:]
    scripted = ScriptedEngine(lambda _prompt: text, adapters=("ask",), delay_s=float(delay_s))
    status = main(words, scripted_loader(scripted if text else NoEngine()))
    sys.stderr.write(f"cancelled {scripted.cancelled}\n")
    sys.exit(status)
