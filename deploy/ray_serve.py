"""Askpod on Ray Serve, for a cluster of one's own: `serve run deploy.ray_serve:app`.

Two deployments. `Answers` has the models, in as many replicas as the load wants; `Gate` has no model and serves the
HTTP API of `local_server`, whose questions it asks of them. A replica that dies takes with it what it was answering:
those callers get `unavailable`, which says that they may ask again, and nobody else sees anything of it.

Needs requirements-ray.txt beside requirements.txt.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from fastapi import FastAPI
from prometheus_client.metrics_core import Metric
from pydantic import TypeAdapter
from ray import serve
from ray.exceptions import RayActorError, RayError
from ray.serve.exceptions import BackPressureError, RayServeException

from agent.chat import Models
from agent.errors import AskError, Draining, InternalError, Overloaded, Unavailable, error_of
from agent.runtime import Runtime
from agent.schemas import Answer, AskEvent, AskRequest, FinalEvent
from agent.service import timeout_of
from agent.settings import Settings
from agent.telemetry.logs import configure_logging, get_logger
from agent.telemetry.metrics import gauge
from agent.telemetry.request_line import Caller, count_answer, log_refusal
from agent.version import VERSIONS
from local_server.app import create_app
from local_server.auth import keys_of

ANSWERS = "Answers"
_EVENT: TypeAdapter[AskEvent] = TypeAdapter(AskEvent)
_LOOK_S = 1.0
# Nothing comes from a replica any more that is longer overdue.
_MARGIN_S = 5.0

MakeRuntime = Callable[[], Runtime]


def make_runtime() -> Runtime:
    """That of the settings, which the environment of a replica has."""
    settings = Settings()
    configure_logging(settings)
    return Runtime(settings)


class Answers:
    """One replica: a runtime, loaded before it is asked anything."""

    def __init__(self, make: MakeRuntime) -> None:
        self._runtime = make()
        # Where Ray calls this an event loop runs, and loading runs one of its own.
        with ThreadPoolExecutor(1, "askpod-load") as thread:
            loaded = thread.submit(self._runtime.load).result()
        if not loaded:
            raise RuntimeError(self._runtime.health().get("error"))

    async def ask(self, request: dict[str, Any], caller: Caller) -> AsyncIterator[dict[str, Any]]:
        """The events, the whole answer among them; what a caller may see of an error is an object with `problem`."""
        try:
            async for event in self._runtime.ask(AskRequest.model_validate(request), caller):
                yield {"event": event.model_dump(mode="json")}
        except AskError as error:
            yield {"problem": error.problem(caller.request_id)}

    async def models(self) -> Models:
        """What can be asked, by name."""
        return await self._runtime.models()

    async def health(self) -> dict[str, Any]:
        """What `GET /health` shows."""
        return self._runtime.health()

    def check_health(self) -> None:
        """Ray replaces a replica of which this raises."""
        if not self._runtime.ready:
            raise RuntimeError(self._runtime.state.value)

    def __del__(self) -> None:
        # After the requests that ran have ended: Ray waits for them.
        with suppress(AttributeError):
            self._runtime.close()


class Replicas:
    """As `local_server.answering.Answering`, by whichever replica has time.

    Args:
        settings: as the replicas have them.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ready = self.started = False
        self.running = 0
        self._health: dict[str, Any] = {"state": "starting", "ready": False, "versions": VERSIONS}
        self._draining = False
        self._looking: asyncio.Task[None] | None = None

    def keep_loading(self) -> None:
        """Look each second whether a replica answers."""
        self._looking = asyncio.get_running_loop().create_task(self._look())

    def drain(self) -> None:
        """Take no more questions."""
        self._draining = True

    def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()

    def health(self) -> dict[str, Any]:
        """Of one of the replicas, a second ago."""
        return self._health | {"ready": self.ready}

    def gauges(self) -> Iterator[Metric]:
        """What the metrics say of this gate; a replica serves none of its own."""
        yield gauge("ready", "1 when a question would be answered", float(self.ready))
        yield gauge("questions", "Questions that are being answered", self.running)

    async def models(self) -> Models:
        """What can be asked, by name.

        Raises:
            Unavailable: no replica told.
        """
        try:
            found: Models = await _replicas().models.remote()
        except (RayError, RayServeException) as error:
            raise Unavailable(detail=repr(error)) from error
        return found

    async def answer(self, request: AskRequest, caller: Caller) -> Answer:
        """The whole answer.

        Raises:
            AskError: as `agent.service.AskService.answer`; `Unavailable` where the replica has died.
        """
        answer = None
        # To its end: an iterator that is left in the middle is closed whenever Python comes to it.
        async for event in self.ask(request, caller):
            if isinstance(event, FinalEvent):
                answer = event.answer
        if answer is None:
            raise InternalError(detail="a replica said no more")
        return answer

    async def ask(self, request: AskRequest, caller: Caller) -> AsyncIterator[AskEvent]:
        """The events, the whole answer last. Closing the iterator stops the work."""
        try:
            if self._draining:
                raise Draining
            timeout_s = timeout_of(request, caller, self.settings)
            self.running += 1
            try:
                async for event in self._told(request, caller, timeout_s):
                    yield event
            finally:
                self.running -= 1
        except (Draining, Overloaded, Unavailable) as error:
            # No replica has told of it.
            log_refusal(caller, error)
            raise

    async def _told(self, request: AskRequest, caller: Caller, timeout_s: float) -> AsyncIterator[AskEvent]:
        body = request.model_dump(mode="json", exclude_unset=True) | {"timeout_s": timeout_s}
        pieces = _replicas().options(stream=True).ask.remote(body, caller)
        try:
            async with asyncio.timeout(timeout_s + _MARGIN_S):
                async for piece in pieces:
                    if "problem" in piece:
                        raise error_of(piece["problem"])
                    event = _EVENT.validate_python(piece["event"])
                    if isinstance(event, FinalEvent):
                        count_answer(caller, event.answer, replayed=False)
                    yield event
        except BackPressureError as error:
            raise Overloaded(detail=repr(error)) from error
        except (RayActorError, RayServeException, TimeoutError) as error:
            raise Unavailable(detail=repr(error)) from error
        finally:
            pieces.cancel()

    async def _look(self) -> None:
        while True:
            try:
                async with asyncio.timeout(_LOOK_S * 5):
                    self._health = await _replicas().health.remote()
                self.ready = bool(self._health["ready"]) and not self._draining
                self.started = self.started or self.ready
            except (RayError, RayServeException, TimeoutError) as error:
                self.ready = False
                get_logger().warning("replicas.silent", reason=repr(error)[:200])
            await asyncio.sleep(_LOOK_S)


def _replicas() -> Any:  # noqa: ANN401 - a handle's methods are those of its deployment
    # Whoever runs the application names it: `default`, unless they say otherwise.
    return serve.get_deployment_handle(ANSWERS, serve.get_replica_context().app_name)


def build_gate() -> FastAPI:
    """The HTTP API, in the process of the gate."""
    settings = Settings()
    configure_logging(settings)
    keys = None if settings.auth_disabled else keys_of(settings)
    return create_app(Replicas(settings), None, keys)


def application(make: MakeRuntime = make_runtime, **options: Any) -> serve.Application:  # noqa: ANN401 - Ray's options
    """Both deployments; `options` are those of `Answers`, such as `num_replicas` or `ray_actor_options`.

    What `autoscaling_config` does not name is as here, or else as Ray has it.
    """
    settings = Settings()
    options = {
        "max_ongoing_requests": settings.handler_concurrency * 4,
        "health_check_period_s": 2,
        "graceful_shutdown_timeout_s": settings.drain_timeout_s,
        "graceful_shutdown_wait_loop_s": 0.1,
    } | options
    if options.get("num_replicas") is None:
        scaling = {"min_replicas": 1, "max_replicas": 8, "target_ongoing_requests": settings.handler_concurrency}
        options["autoscaling_config"] = scaling | options.get("autoscaling_config", {})
    answers = serve.deployment(name=ANSWERS, **options)(Answers).bind(make)

    @serve.deployment(name="Gate", max_ongoing_requests=10_000, graceful_shutdown_timeout_s=settings.drain_timeout_s)
    @serve.ingress(build_gate)
    class Gate:
        """Keeps the answers' deployment in the application."""

        def __init__(self, answers: Any) -> None:  # noqa: ANN401 - a handle
            self._answers = answers

    return Gate.bind(answers)


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """`app` is made when `serve run` asks for it: importing this module reads no settings."""
    if name == "app":
        return application()
    raise AttributeError(name)
