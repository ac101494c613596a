"""Askpod's worker up to its first answer; with `sdk` it imports the serverless SDK meanwhile, as the worker does."""

import asyncio
import sys
import threading
import time

from benchmarks.cold_start.steps import ANSWERED, PYTHON, QUESTION, READY, SDK, tell

# Is told when it is waited for, not when it is done.
_TOLD_LATER = "read_ahead"


def main(with_sdk: bool) -> None:
    """Load, and answer."""
    from agent.loading import Loaded, load
    from agent.settings import Settings
    from agent.telemetry.clock import Phase, ms_since
    from handler.__main__ import import_sdk
    from handler.handler import cold_start, handler

    def telling(settings: Settings, phase: Phase) -> Loaded:
        def told(name: str, ms: float) -> None:
            phase(name, ms)
            if name != _TOLD_LATER:
                tell(name, ms=ms)

        return load(settings, told)

    def import_it() -> None:
        began = time.monotonic()
        import_sdk()
        tell(SDK, ms=ms_since(began))

    tell(PYTHON)
    sdk = threading.Thread(target=import_it)
    if with_sdk:
        sdk.start()
    runtime = cold_start(loader=telling)
    if with_sdk:
        sdk.join()
    tell(READY, phases_ms=runtime.health()["load"]["phases_ms"])
    result = asyncio.run(handler({"id": "first", "input": {"question": QUESTION}}))
    tell(ANSWERED, answer=result["answer"])


if __name__ == "__main__":
    main("sdk" in sys.argv[1:])
