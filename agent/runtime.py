"""The composition root: settings in, a loaded service out, and the state of both in between.

    STARTING ──load──> READY ──drain──> DRAINING ──close──> CLOSED
        │  ^             └─ seen as BUSY while every place is taken, DEGRADED while something is not as it should be,
        v  │ tried again    FAILED once the engine is dead
       FAILED

Loading happens in a thread of its own, or in the caller's when it has nothing else to do (a serverless worker before
it takes its first job).
"""

import resource
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from prometheus_client.metrics_core import Metric

from agent.chat import Models
from agent.errors import Draining, ModelUnavailable
from agent.events import Emit, ignore
from agent.gauges import engine_gauges
from agent.load_errors import LoadError
from agent.loading import Loaded, load
from agent.poison import Poison
from agent.schemas import Answer, AskEvent, AskRequest
from agent.service import AskService
from agent.settings import Settings
from agent.telemetry import signals
from agent.telemetry.clock import Phase, ms_since
from agent.telemetry.logs import get_logger
from agent.telemetry.metrics import gauge
from agent.telemetry.request_line import Caller, log_refusal
from agent.telemetry.tracing import span
from agent.version import VERSIONS

Loader = Callable[[Settings, Phase], Loaded]


class State(StrEnum):
    """Where the service is in its life."""

    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    DEGRADED = "degraded"
    FAILED = "failed"
    DRAINING = "draining"
    CLOSED = "closed"


_TRANSITIONS = {
    State.STARTING: {State.READY, State.FAILED, State.DRAINING, State.CLOSED},
    State.FAILED: {State.STARTING, State.DRAINING, State.CLOSED},
    State.READY: {State.DRAINING, State.CLOSED},
    State.DRAINING: {State.CLOSED},
    State.CLOSED: set[State](),
}
_OVER = (State.DRAINING, State.CLOSED)
_ANSWERING = (State.READY, State.BUSY, State.DEGRADED)


@dataclass(slots=True)
class Attempt:
    """One attempt to load: when, what it took, and how it ended."""

    number: int
    phases_ms: dict[str, float] = field(default_factory=dict)
    peak_mib: int | None = None
    error: LoadError | None = None


class Runtime:
    """What a process holds in its one module global.

    Args:
        settings: everything that can be set.
        loader: how to load; the default loads the real models. Tests and demos pass one that loads a fake.
    """

    def __init__(self, settings: Settings, loader: Loader = load) -> None:
        self.settings = settings
        self.started = False
        self.poison = Poison(settings.poison_ledger)
        self._life = State.STARTING
        self._loader = loader
        self._loaded: Loaded | None = None
        self._service: AskService | None = None
        self._attempt = Attempt(0)
        self._since = time.monotonic()
        self._ready_ms: float | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()

    # ------------------------------------------------------------------ life

    def load(self) -> bool:
        """Try to load once, in this thread. True when ready; on failure the reason is logged and kept for `health`."""
        self._attempt = attempt = Attempt(self._attempt.number + 1)
        log = get_logger()
        log.info("load.started", attempt=attempt.number)

        def phase(name: str, ms: float) -> None:
            attempt.phases_ms[name] = ms
            log.info("load.phase", phase=name, ms=ms)

        try:
            self.poison.open()
            with span(signals.COLD_START):
                loaded = self._loader(self.settings, phase)
        except LoadError as error:
            return self._fail(attempt, error)
        except Exception as error:  # the edge of the loading thread: whatever it is, it is reported and tried again
            log.exception("load.crashed")
            return self._fail(attempt, LoadError("Loading failed for an unforeseen reason.", detail=repr(error)))
        with self._lock:
            if self._life in _OVER:
                loaded.close()
                return False
            self._loaded = loaded
            self._service = AskService(loaded.agent, self.settings)
            self._ready_ms = ms_since(self._since)
            attempt.peak_mib = _peak_mib()
            self._become(State.READY)
            self.started = True
        told = {"ready_ms": self._ready_ms, "peak_mib": attempt.peak_mib}
        log.info("load.ready", attempt=attempt.number, **told, **attempt.phases_ms)
        return True

    def keep_loading(self) -> threading.Thread:
        """Load in a daemon thread, again and again with a doubling pause, until it succeeds or `close` is called."""
        thread = threading.Thread(target=self._load_until_ready, name="askpod-load", daemon=True)
        thread.start()
        return thread

    def drain(self) -> None:
        """Take no more questions; those that run go on."""
        with self._lock:
            if self._life not in _OVER:
                self._stop.set()
                self._become(State.DRAINING)

    def close(self) -> None:
        """Stop loading, end what runs and free the models. A second call does nothing."""
        with self._lock:
            if self._life is State.CLOSED:
                return
            self._stop.set()
            self._become(State.CLOSED)
            loaded, self._loaded, self._service = self._loaded, None, None
        if loaded is not None:
            loaded.close()

    def _fail(self, attempt: Attempt, error: LoadError) -> bool:
        attempt.error = error
        with self._lock:
            if self._life not in _OVER:
                self._become(State.FAILED)
        get_logger().error(
            "load.failed",
            attempt=attempt.number,
            code=error.code,
            reason=error.message,
            remedy=error.remedy,
            detail=error.detail,
        )
        return False

    def _load_until_ready(self) -> None:
        pause = self.settings.load_retry_s
        if self._life is State.FAILED:
            if not self._wait_and_restart(pause):
                return
            pause = min(pause * 2, self.settings.load_retry_max_s)
        while not self.load():
            if not self._wait_and_restart(pause):
                return
            pause = min(pause * 2, self.settings.load_retry_max_s)

    def _wait_and_restart(self, pause: float) -> bool:
        get_logger().info("load.retry", in_s=pause)
        if self._stop.wait(pause):
            return False
        with self._lock:
            if self._life in _OVER:
                return False
            self._become(State.STARTING)
        return True

    def _become(self, state: State) -> None:
        assert state in _TRANSITIONS[self._life], f"{self._life} cannot become {state}"
        get_logger().info("state.changed", before=self._life.value, now=state.value)
        self._life = state

    # ------------------------------------------------------------------ asking

    async def answer(self, request: AskRequest, caller: Caller, emit: Emit = ignore) -> Answer:
        """As `AskService.answer`.

        Raises:
            ModelUnavailable: not loaded (yet); `reason` is the code of the `LoadError`, or `starting`.
            Draining: the process is about to stop.
            AskError: as `AskService.answer`.
        """
        return await self._ready_service(caller).answer(request, caller, emit)

    def ask(self, request: AskRequest, caller: Caller) -> AsyncIterator[AskEvent]:
        """As `AskService.ask`; raises at once, before the first event, when not ready.

        Raises:
            ModelUnavailable: as `answer`.
        """
        return self._ready_service(caller).ask(request, caller)

    def _ready_service(self, caller: Caller) -> AskService:
        service, loaded = self._service, self._loaded
        # A job is ours already; nobody else would do it.
        if self._life is State.DRAINING and caller.transport != "queue":
            log_refusal(caller, Draining())
            raise Draining
        if service is None or loaded is None or not loaded.engine.healthy():
            error = self._unavailable()
            log_refusal(caller, error)
            raise error
        return service

    def _unavailable(self) -> ModelUnavailable:
        if last := self._attempt.error:
            return ModelUnavailable(reason=last.code)
        message = "The model is still being loaded. Ask again shortly." if self._life is State.STARTING else None
        return ModelUnavailable(message, reason=self.state.value)

    async def models(self) -> Models:
        """What can be asked, by name.

        Raises:
            ModelUnavailable: nothing is loaded (yet).
        """
        loaded = self._loaded
        if loaded is None:
            raise self._unavailable()
        return Models(loaded.engine.model, loaded.engine.adapters)

    # ------------------------------------------------------------------ health

    @property
    def state(self) -> State:
        """Where it is in its life, and while it answers questions, how that goes."""
        loaded, service = self._loaded, self._service
        if self._life is not State.READY or loaded is None or service is None:
            return self._life
        if not loaded.engine.healthy():
            return State.FAILED
        if service.admission.full:
            return State.BUSY
        return State.DEGRADED if loaded.impairments() else State.READY

    @property
    def ready(self) -> bool:
        """True when a question would be answered, or in a moment."""
        return self.state in _ANSWERING

    @property
    def dead(self) -> bool:
        """True when it was loaded, and can never answer again."""
        return self._life is State.READY and self.state is State.FAILED

    @property
    def running(self) -> int:
        """Questions that are being answered."""
        service = self._service
        return 0 if service is None else service.admission.running

    def gauges(self) -> Iterator[Metric]:
        """What the metrics say of the moment."""
        loaded, service, state = self._loaded, self._service, self.state
        yield gauge("state", "1 for the state it is in", {one.value: float(one is state) for one in State}, "state")
        yield gauge("ready", "1 when a question would be answered", float(self.ready))
        phases = {name: ms / 1000 for name, ms in self._attempt.phases_ms.items()}
        yield gauge("load_seconds", "Parts of the last load", phases, "phase")
        if self._ready_ms is not None:
            yield gauge("cold_start_seconds", "From the start of loading until it was ready", self._ready_ms / 1000)
        if service is not None and loaded is not None:
            yield gauge("questions", "Questions that are being answered", service.admission.running)
            yield gauge("places", "Places for questions", service.admission.places(), "what")
            yield from engine_gauges(loaded.engine.stats())

    def health(self) -> dict[str, Any]:
        """The body of `GET /health`: state, versions, what is loaded, phase times. No path, key or host name in it."""
        attempt, loaded = self._attempt, self._loaded
        body: dict[str, Any] = {
            "state": self.state.value,
            "ready": self.ready,
            "impairments": loaded.impairments() if loaded else [],
            "uptime_s": round(time.monotonic() - self._since, 1),
            "versions": VERSIONS,
            "load": {
                "attempt": attempt.number,
                "ready_ms": self._ready_ms,
                "peak_mib": attempt.peak_mib,
                "phases_ms": dict(attempt.phases_ms),
            },
            "loaded": loaded.describe() if loaded else None,
        }
        if attempt.error is not None and not self.ready:
            error = attempt.error
            body["error"] = {
                "code": error.code, "message": error.message, "remedy": error.remedy, "retrying": True,
            }  # fmt: skip
        return body


def _peak_mib() -> int:
    """The most memory that this process has had in use, of the machine's (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
