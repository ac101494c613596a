"""Askpod's worker up to its first answer; with `sdk` it imports the serverless SDK meanwhile, as the worker does."""

import asyncio
import sys
import threading

from benchmarks.cold_start.steps import ANSWERED, QUESTION, READY, tell


def main(with_sdk: bool) -> None:
    """Load, and answer."""
    from handler.__main__ import import_sdk
    from handler.handler import cold_start, handler

    sdk = threading.Thread(target=import_sdk)
    if with_sdk:
        sdk.start()
    runtime = cold_start()
    if with_sdk:
        sdk.join()
    tell(READY, phases_ms=runtime.health()["load"]["phases_ms"])
    result = asyncio.run(handler({"id": "first", "input": {"question": QUESTION}}))
    tell(ANSWERED, answer=result["answer"])


if __name__ == "__main__":
    main("sdk" in sys.argv[1:])
