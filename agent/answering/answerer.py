"""The Answerer: lets the model pick its evidence and word an answer from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.answering.generation import Reading, read
from agent.answering.prompts.short import NOTHING, build_prompt, pack
from agent.engine.base import Engine, Sampling
from agent.retrieval.evidence import Evidence
from agent.schemas import AskRequest, Language
from agent.telemetry import signals
from agent.telemetry.tracing import Attributes, span


@dataclass(frozen=True, slots=True)
class Draft:
    """What the model said, unverified, and the sentences that it read and may rest on, what it picked first."""

    reading: Reading
    allowed: tuple[Evidence, ...]

    def picked(self, best: Evidence) -> Evidence:
        """The sentence that the model picked; `best`, that of the ranking, where it picked none."""
        return best if self.reading.picked in (None, NOTHING) else self.allowed[0]


class Answerer:
    """Builds the prompt and collects what is said.

    Args:
        engine: what generates.
        sentences: most source sentences in the prompt.
        context_tokens: most tokens of them.
        max_tokens: most tokens of an answer, unless the request says otherwise.
    """

    def __init__(self, engine: Engine, sentences: int, context_tokens: int, max_tokens: int) -> None:
        self._engine = engine
        self._sentences = sentences
        self._context_tokens = context_tokens
        self._max_tokens = max_tokens

    def adapter_for(self, request: AskRequest) -> str | None:
        """The adapter the request names; the default one if it names none; None if it says null."""
        return request.adapter if "adapter" in request.model_fields_set else self._engine.default_adapter

    async def draft(
        self,
        request: AskRequest,
        evidence: Sequence[Evidence],
        language: Language,
        on_text: Callable[[str], None],
        *,
        salt: bytes = b"",
        deadline: float | None = None,
    ) -> Draft:
        """One generation from the best of `evidence`; `on_text` gets the wording piece by piece, without its number.

        `salt` and `deadline` are as for `Engine.generate`, and so is what is raised.
        """
        with span(signals.PACK) as packing:
            packed = pack(evidence, self._engine, self._sentences, self._context_tokens)
            prompt = build_prompt(request.question, request.history, packed, language)
            packing.set({signals.SENTENCES: len(packed)})
        sampling = Sampling(
            max_tokens=request.max_tokens or self._max_tokens,
            temperature=request.temperature,
            seed=request.seed,
        )
        adapter = self.adapter_for(request)
        model = f"{self._engine.model}+{adapter}" if adapter else self._engine.model
        asked: Attributes = {
            signals.OPERATION: "chat",
            signals.PROVIDER: signals.PROVIDER_NAME,
            signals.REQUEST_MODEL: model,
            signals.MAX_TOKENS: sampling.max_tokens,
            signals.TEMPERATURE: sampling.temperature,
            signals.SEED: sampling.seed,
        }
        with span(signals.CHAT.format(model=model), asked) as chat:
            reading = await read(
                self._engine, prompt.messages, sampling, adapter, on_text, salt=salt, deadline=deadline
            )
            chat.set(_said(reading, model))
        return Draft(reading, prompt.picked_first(reading.picked))


def _said(reading: Reading, model: str) -> Attributes:
    """Of a generation, for its span."""
    return {
        signals.RESPONSE_MODEL: model,
        signals.INPUT_TOKENS: reading.usage.prompt_tokens,
        signals.CACHED_TOKENS: reading.usage.cached_tokens,
        signals.OUTPUT_TOKENS: reading.usage.completion_tokens,
        signals.FINISH_REASONS: "stop" if reading.complete else "cut",
        signals.FIRST_CHUNK_S: None if reading.first_token_ms is None else reading.first_token_ms / 1000,
    }
