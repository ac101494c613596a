"""python -m handler: a serverless worker, or, without a platform around it, one run of test_input.json."""

import os
import sys
import threading
from typing import Any

from pydantic import ValidationError
from rich.console import Console

from agent.settings import Settings, explain
from agent.telemetry.logs import configure_logging
from handler.handler import cold_start, handler
from handler.report import report


def main() -> int:
    """Exit status: what the SDK exits with; 2 when a setting is not valid."""
    try:
        settings = Settings()
    except ValidationError as error:
        sys.stderr.write(explain(error))
        return 2
    # The SDK takes 2 to 4 seconds to import; that is spent while the models load.
    sdk = threading.Thread(target=_import_sdk, name="askpod-import-sdk")
    sdk.start()
    if _is_worker():
        configure_logging(settings)
        cold_start(settings)
        sdk.join()
        _serve(handler, settings)
    else:
        _run_locally(settings, sdk)
    return 0


def _is_worker() -> bool:
    """The SDK's own rule (runpod/serverless/worker.py): a platform gives its workers a URL to take jobs from."""
    return "RUNPOD_WEBHOOK_GET_JOB" in os.environ and not any(arg.startswith("--test_input") for arg in sys.argv)


def _import_sdk() -> None:
    import runpod  # noqa: F401


def _serve(function: Any, settings: Settings) -> None:  # noqa: ANN401 - the SDK's handler type
    import runpod

    runpod.serverless.start(
        {"handler": function, "concurrency_modifier": lambda _current: settings.handler_concurrency}
    )


def _run_locally(settings: Settings, sdk: threading.Thread) -> None:
    if "LOG_LEVEL" not in os.environ:
        settings = settings.model_copy(update={"log_level": "WARNING"})
        os.environ.setdefault("RUNPOD_LOG_LEVEL", "WARN")
    configure_logging(settings)
    console = Console(highlight=False)
    with Console(stderr=True).status("Loading the models and the index ..."):
        cold_start(settings)
        sdk.join()

    async def readable(job: dict[str, Any]) -> dict[str, Any]:
        with Console(stderr=True).status("Answering ..."):
            result = await handler(job)
        report(job, result, console)
        return result

    _serve(readable, settings)


if __name__ == "__main__":
    sys.exit(main())
