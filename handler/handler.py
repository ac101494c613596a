"""The one handler: what is heavy is loaded once, into a module global; every job after that goes straight to work."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from agent.errors import AskError, InternalError, PoisonJob
from agent.runtime import Loader, Runtime
from agent.schemas import AskRequest
from agent.settings import Settings
from agent.telemetry import signals
from agent.telemetry.logs import get_logger
from agent.telemetry.request_line import Caller, log_refusal
from agent.telemetry.tracing import span
from handler.envelope import caller_of, failure_of, output_of, request_of, traceparent_of
from handler.openai import ChatJob

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


async def handler(job: object) -> Any:  # noqa: ANN401 - any JSON value
    """Answer one job with what this process has loaded, or loads for it."""
    return await answer(job)


async def answer(job: object, runtime: Runtime | None = None) -> Any:  # noqa: ANN401
    """Answer one job with a runtime, this module's unless given: the answer, or `{"error": "<JSON problem>"}`; to a job
    of OpenAI's protocol what that has. Nothing is ever raised but a cancellation.
    """
    caller, chat = caller_of(job), ChatJob.of(job)
    try:
        runtime = await loaded(runtime)
        named = {signals.INVOCATION: caller.job_id}
        with span(signals.PROCESS, named, kind="consumer", parent=traceparent_of(job)):
            async with unless_poison(caller, runtime):
                if chat:
                    return await chat.answer(caller, runtime)
                return output_of(await runtime.answer(asked(job, caller), caller))
    except AskError as error:
        return failed(job, error, caller)
    except Exception as error:  # the edge of this transport: the SDK would send the traceback to the caller
        get_logger().exception("handler.crashed", request_id=caller.request_id)
        return failed(job, InternalError(detail=repr(error)), caller)


def asked(job: object, caller: Caller) -> AskRequest:
    """The question in a job; a job without one leaves its log line here.

    Raises:
        InvalidRequest: as `request_of`.
    """
    try:
        return request_of(job)
    except AskError as error:
        log_refusal(caller, error)
        raise


@asynccontextmanager
async def unless_poison(caller: Caller, runtime: Runtime) -> AsyncIterator[None]:
    """Around the work on a job; one that processes have died of leaves its log line here.

    Raises:
        PoisonJob: as `Poison.job`.
    """
    try:
        async with runtime.poison.job(caller.job_id if caller.idempotency_key else None):
            yield
    except PoisonJob as error:
        log_refusal(caller, error)
        raise


async def loaded(runtime: Runtime | None) -> Runtime:
    """The given runtime, or this module's, which is loaded if nobody did before."""
    if runtime is None:
        return RUNTIME if RUNTIME is not None else await asyncio.to_thread(cold_start)
    return runtime


def failed(job: object, error: AskError, caller: Caller) -> Any:  # noqa: ANN401
    """What a job gets that cannot be answered."""
    chat = ChatJob.of(job)
    return chat.failure(error) if chat else failure_of(error, caller)
