"""python -m handler: a serverless worker, or, without a platform around it, one run of test_input.json."""

import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from types import FrameType
from typing import Any, NoReturn

from pydantic import ValidationError
from rich.console import Console

from agent.ask.progress import LOADING, showing
from agent.load_errors import ConfigurationError
from agent.loading import load
from agent.runtime import Runtime
from agent.settings import Settings, explain
from agent.telemetry.logs import configure_logging, get_logger
from agent.telemetry.metrics import listen
from agent.telemetry.tracing import configure_tracing
from agent.unknown_name import unknown_names
from agent.watchdog import watch
from handler.drain import Drain
from handler.handler import cold_start, handler, shut_down
from handler.parent import let_no_child_outlive_me
from handler.report import report
from handler.streaming import stream_handler

Handler = Callable[[Any], Awaitable[Any]] | Callable[[Any], AsyncIterator[Any]]


def main() -> int:
    """Exit status: what the SDK exits with; 2 when a setting is not valid, 70 when the engine has died."""
    try:
        settings = Settings()
    except ValidationError as error:
        sys.stderr.write(explain(error))
        return 2
    is_worker = _is_worker()
    # A level that somebody chose stays, wherever it was set; .env.example sets the default.
    if not is_worker and settings.log_level == "INFO" and "LOG_LEVEL" not in os.environ:
        settings = settings.model_copy(update={"log_level": "WARNING"})
    configure_logging(settings)
    if unknown := unknown_names(Settings):
        get_logger().warning("settings.unknown", names=[str(name) for name in unknown])
    _quiet_sdk(settings)
    # Until the SDK's loop brings its own handler; process 1 of a container would otherwise ignore the signal.
    signal.signal(signal.SIGTERM, _leave)
    # A ping that goes on without its worker tells the platform that the worker is well.
    let_no_child_outlive_me()
    # The SDK takes 2 to 4 seconds to import; that is spent while the models load.
    sdk = threading.Thread(target=import_sdk, name="askpod-import-sdk")
    sdk.start()
    try:
        stop_tracing = configure_tracing(settings)
    except ConfigurationError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2
    try:
        runtime = _load(settings, sdk, with_progress=not is_worker)
        watch(runtime)
        if is_worker and settings.metrics_port:
            listen(settings.host, settings.metrics_port, runtime.gauges)
        function: Handler = stream_handler if settings.handler_mode == "stream" else handler
        # The SDK runs test_input.json with no handler that streams.
        _serve(function if is_worker else _readable(runtime), Drain(runtime, stop_tracing))
    finally:
        # The SDK leaves by SystemExit; the engine's thread must not be running when the interpreter goes.
        shut_down()
        stop_tracing()
    return 0


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End at once. An exception would be lost where the signal meets an import, which takes it for its own failure."""
    os._exit(0)


def _is_worker() -> bool:
    """The SDK's own rule (runpod/serverless/worker.py): a platform gives its workers a URL to take jobs from."""
    return "RUNPOD_WEBHOOK_GET_JOB" in os.environ and not any(arg.startswith("--test_input") for arg in sys.argv)


def _quiet_sdk(settings: Settings) -> None:
    """The SDK's own default level, DEBUG, logs every question and answer; so does TRACE."""
    if not settings.log_content and os.environ.get("RUNPOD_LOG_LEVEL", "DEBUG").upper() in ("DEBUG", "TRACE"):
        os.environ["RUNPOD_LOG_LEVEL"] = "INFO" if _is_worker() else "WARN"


def import_sdk() -> None:
    """So that it is there when jobs are to be taken."""
    import runpod  # noqa: F401


def _load(settings: Settings, sdk: threading.Thread, *, with_progress: bool) -> Runtime:
    if with_progress:
        with Console(stderr=True).status(LOADING) as status:
            runtime = cold_start(settings, showing(status, load))
    else:
        runtime = cold_start(settings)
    sdk.join()
    return runtime


def _serve(function: Handler, drain: Drain) -> None:
    import runpod

    runpod.serverless.start(
        {
            "handler": function,
            "concurrency_modifier": drain.concurrency,
            # The result of a handler that streams is the list of its pieces.
            "return_aggregate_stream": True,
        }
    )


def _readable(runtime: Runtime) -> Handler:
    """The handler, with its result printed for a person."""

    async def readable(job: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON value
        with Console(stderr=True).status("Answering ..."):
            result = await handler(job)
        report(job, result, Console(highlight=False), runtime.health().get("error"))
        return result

    return readable


if __name__ == "__main__":
    sys.exit(main())
