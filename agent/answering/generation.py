"""One generation: what a model wrote, why it ended, and what it took."""

import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from agent.engine.base import ChatMessage, Engine, Sampling, TokenDelta
from agent.schemas import Usage
from agent.telemetry import signals
from agent.telemetry.clock import ms_since
from agent.telemetry.tracing import Attributes, span

OnText = Callable[[str], None]
# A model that says one line or one phrase again and again never ends by itself.
_MAX_REPEATS = 3
_MIN_REPEATED_CHARS = 12
_LONGEST_PERIOD = 240


def ignore_text(_text: str) -> None:
    """No-op text sink."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What a model wrote. Times in milliseconds since the generation was asked for.

    `complete` when it ended by itself or at a stop string; `repeated` when it was stopped for repeating itself.
    """

    text: str
    complete: bool
    repeated: bool
    usage: Usage
    queue_ms: float
    first_token_ms: float | None
    generation_ms: float


class Generator:
    """Generates with one engine, and leaves a span for each generation.

    Args:
        engine: what generates.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def generate(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        adapter: str | None,
        temperature: float = 0.0,
        seed: int | None = None,
        stop: tuple[str, ...] = (),
        on_text: OnText = ignore_text,
        salt: bytes = b"",
        deadline: float | None = None,
    ) -> Generation:
        """Generate until the model ends, repeats itself or has used `max_tokens`.

        `on_text` gets the text piece by piece. `salt` and `deadline` are as for `Engine.generate`.

        Raises:
            PromptTooLong, DeadlineExceeded, GenerationFailed, ...: as `Engine.generate`.
        """
        ids = self._engine.encode_chat(messages)
        sampling = Sampling(max_tokens=max_tokens, temperature=temperature, seed=seed, stop=stop)
        with span(
            signals.CHAT.format(model=model_name(self._engine, adapter)), asked_of(self._engine, sampling, adapter)
        ) as chat:
            started = time.monotonic()
            first: float | None = None
            text, deltas, repeated = "", list[TokenDelta](), False
            async with aclosing(self._engine.generate(ids, sampling, adapter, salt=salt, deadline=deadline)) as stream:
                async for delta in stream:
                    first = first if first is not None else ms_since(started)
                    deltas.append(delta)
                    text += delta.text
                    on_text(delta.text)
                    if delta.text and repeats(text):
                        repeated = True
                        break
            usage = usage_of(ids, deltas)
            complete = bool(deltas) and deltas[-1].finish == "stop"
            chat.set(told_of(usage, complete, first, model_name(self._engine, adapter)))
        queue_ms = deltas[-1].queue_ms if deltas else 0.0
        return Generation(text, complete, repeated, usage, queue_ms, first, ms_since(started))


def repeats(text: str) -> bool:
    """Whether a text ends in one stretch of 12 to 240 characters, said three times in a row."""
    if not text.endswith(("\n", " ", ".", "|")):
        return False
    for period in range(_MIN_REPEATED_CHARS, min(_LONGEST_PERIOD, len(text) // _MAX_REPEATS) + 1):
        last = text[-period:]
        if text[-2 * period : -period] == last and text[-_MAX_REPEATS * period : -2 * period] == last:
            return True
    return False


def usage_of(prompt_ids: Sequence[int], deltas: Sequence[TokenDelta]) -> Usage:
    """The tokens of a generation."""
    return Usage(
        prompt_tokens=len(prompt_ids),
        cached_tokens=deltas[0].cached_tokens if deltas else 0,
        completion_tokens=len(deltas),
    )


def model_name(engine: Engine, adapter: str | None) -> str:
    """The base model's name, with the adapter's behind it."""
    return f"{engine.model}+{adapter}" if adapter else engine.model


def asked_of(engine: Engine, sampling: Sampling, adapter: str | None) -> Attributes:
    """What the span of a generation says of the request."""
    return {
        signals.OPERATION: "chat",
        signals.PROVIDER: signals.PROVIDER_NAME,
        signals.REQUEST_MODEL: model_name(engine, adapter),
        signals.MAX_TOKENS: sampling.max_tokens,
        signals.TEMPERATURE: sampling.temperature,
        signals.SEED: sampling.seed,
    }


def told_of(usage: Usage, complete: bool, first_token_ms: float | None, model: str) -> Attributes:
    """What the span of a generation says of its outcome."""
    return {
        signals.RESPONSE_MODEL: model,
        signals.INPUT_TOKENS: usage.prompt_tokens,
        signals.CACHED_TOKENS: usage.cached_tokens,
        signals.OUTPUT_TOKENS: usage.completion_tokens,
        signals.FINISH_REASONS: "stop" if complete else "cut",
        signals.FIRST_CHUNK_S: None if first_token_ms is None else first_token_ms / 1000,
    }
