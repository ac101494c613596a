"""The one handler: what is heavy is loaded once, into a module global; every job after that goes straight to work."""

import asyncio
import threading
from typing import Any

from agent.errors import AskError, InternalError
from agent.runtime import Loader, Runtime
from agent.settings import Settings
from agent.telemetry.logs import get_logger
from agent.telemetry.request_line import log_refusal
from handler.envelope import caller_of, failure_of, output_of, request_of

RUNTIME: Runtime | None = None

_LOADING = threading.Lock()


def cold_start(settings: Settings | None = None, loader: Loader | None = None) -> Runtime:
    """Load model, adapters and index, once a process; every later call returns the same runtime.

    A load that fails is logged and tried again in the background; until it succeeds, jobs get `model_unavailable`.
    """
    global RUNTIME
    with _LOADING:
        if RUNTIME is None:
            settings = settings or Settings()
            runtime = Runtime(settings, loader) if loader else Runtime(settings)
            if not runtime.load():
                runtime.keep_loading()
            RUNTIME = runtime
        return RUNTIME


def shut_down() -> None:
    """End what runs and free the models, if they were loaded; the process is about to end."""
    if RUNTIME is not None:
        RUNTIME.close()


async def handler(job: object) -> dict[str, Any]:
    """Answer one job with what this process has loaded, or loads for it."""
    return await answer(job)


async def answer(job: object, runtime: Runtime | None = None) -> dict[str, Any]:
    """Answer one job with a runtime, this module's unless given: the answer, or `{"error": "<JSON problem>"}`.

    Nothing is ever raised but a cancellation.
    """
    caller = caller_of(job)
    try:
        try:
            request = request_of(job)
        except AskError as error:
            log_refusal(caller, error)
            raise
        if runtime is None:
            runtime = RUNTIME if RUNTIME is not None else await asyncio.to_thread(cold_start)
        return output_of(await runtime.answer(request, caller))
    except AskError as error:
        return failure_of(error, caller)
    except Exception as error:  # the edge of this transport: the SDK would send the traceback to the caller
        get_logger().exception("handler.crashed", request_id=caller.request_id)
        return failure_of(InternalError(detail=repr(error)), caller)
