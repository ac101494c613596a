"""One question on its way: what was asked, what has been decided, and in the end the Answer."""

import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from agent.answering.composition import AnswerComposer
from agent.corpus import Corpus
from agent.events import Emit
from agent.schemas import (
    Answer,
    AskRequest,
    DeltaEvent,
    Language,
    Nearest,
    Reason,
    Route,
    StatusEvent,
    Timings,
    TraceStep,
    Usage,
)
from agent.telemetry.clock import ms_since
from agent.telemetry.logs import get_logger


class Generated(Protocol):
    """What a generation took: its tokens, and milliseconds since it was asked for."""

    @property
    def usage(self) -> Usage: ...
    @property
    def queue_ms(self) -> float: ...
    @property
    def first_token_ms(self) -> float | None: ...
    @property
    def generation_ms(self) -> float: ...


@dataclass(slots=True)
class RequestContext:
    """The state of one question. `language` is that of the answer, `asked_in` that of the question; `started` is by
    the monotonic clock, in seconds; `salt` and `deadline` are as for `Engine.generate`.
    """

    request: AskRequest
    request_id: str
    language: Language
    asked_in: Language
    corpus: Corpus
    emit: Emit
    cold_start: bool
    model: str
    adapter: str | None
    started: float
    salt: bytes = b""
    deadline: float | None = None
    route: Route = "question"
    step_started: float = field(default_factory=time.monotonic)
    trace: list[TraceStep] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    timings: Timings = field(default_factory=Timings)

    def step(self, name: str, decision: str, **details: Any) -> float:  # noqa: ANN401 - JSON values
        """Close a step, tell the caller, and return its milliseconds."""
        now = time.monotonic()
        step = TraceStep(name=name, decision=decision, ms=round((now - self.step_started) * 1000, 1), details=details)
        self.step_started = now
        self.trace.append(step)
        get_logger().info("ask.step", step=name, decision=decision, ms=step.ms)
        self.emit(StatusEvent(step=step))
        return step.ms

    def write(self, text: str) -> None:
        """Tell the caller a piece of the draft."""
        self.emit(DeltaEvent(text=text))

    def generated(self, made: Generated) -> None:
        """Note what a generation of the answer took."""
        self.used(made.usage)
        self.timed(queue_ms=made.queue_ms, time_to_first_token_ms=made.first_token_ms, generation_ms=made.generation_ms)

    def used(self, usage: Usage) -> None:
        """Add the tokens of a generation."""
        self.usage = Usage(
            prompt_tokens=self.usage.prompt_tokens + usage.prompt_tokens,
            cached_tokens=self.usage.cached_tokens + usage.cached_tokens,
            completion_tokens=self.usage.completion_tokens + usage.completion_tokens,
        )

    def timed(self, **milliseconds: float | None) -> None:
        """Note how long something took; fields of `Timings`."""
        self.timings = self.timings.model_copy(update=milliseconds)

    def finish(
        self,
        answer: AnswerComposer,
        confidence: float,
        *,
        reason: Reason | None = None,
        nearest: list[Nearest] | None = None,
    ) -> Answer:
        """The whole answer; with a `reason` it is an abstention."""
        self.timed(total_ms=ms_since(self.started))
        return Answer(
            answer=answer.text,
            blocks=answer.blocks,
            abstained=reason is not None,
            reason=reason,
            nearest=nearest or [],
            citations=answer.citations,
            grounded=bool(answer.citations),
            confidence=round(min(max(confidence, 0.0), 1.0), 4),
            language=self.language,
            route=self.route,
            model=self.model,
            adapter=self.adapter,
            index=self.corpus.index_id,
            usage=self.usage,
            timings=self.timings,
            cold_start=self.cold_start,
            request_id=self.request_id,
            trace=self.trace,
        )
