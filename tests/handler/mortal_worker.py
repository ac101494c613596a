"""The real worker with a scripted model that kills its process when the question says so, half a second later."""

import os
import signal
import sys
import time

from agent.engine.scripted import ScriptedEngine
from agent.settings import Settings
from handler.__main__ import main
from handler.handler import cold_start
from tests.fakes.loading import scripted_loader


def script(prompt: str) -> str:
    """What the model says to a prompt, if it survives it."""
    if "deadly" in prompt:
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)
    return "The HTTP server listens on port 8000."


if __name__ == "__main__":
    cold_start(Settings(), scripted_loader(ScriptedEngine(script, delay_s=0.2)))
    sys.exit(main())
