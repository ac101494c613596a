"""The real worker with a scripted model: `python -m tests.handler.scripted_worker SECONDS_PER_WORD`."""

import sys

from agent.engine.scripted import ScriptedEngine
from agent.settings import Settings
from handler.__main__ import main
from handler.handler import cold_start
from tests.fakes.loading import scripted_loader

if __name__ == "__main__":
    engine = ScriptedEngine(lambda _prompt: "The HTTP server listens on port 8000.", delay_s=float(sys.argv[1]))
    cold_start(Settings(), scripted_loader(engine))
    sys.exit(main())
