"""The Answerer: lets the model word an answer from the passages."""

import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from agent.engine.base import Engine, Sampling
from agent.prompts import build_messages, pack
from agent.retrieval.retriever import Passage
from agent.schemas import AskRequest, Language, Usage
from agent.text.sentences import split_units

MAX_SENTENCES = 2


@dataclass(frozen=True, slots=True)
class Draft:
    """What the model wrote, unverified. Times in milliseconds since the generation was asked for."""

    text: str
    complete: bool
    packed: tuple[Passage, ...]
    usage: Usage
    queue_ms: float
    first_token_ms: float | None
    generation_ms: float


class Answerer:
    """Builds the prompt and collects the tokens.

    Args:
        engine: what generates.
        context_tokens: most tokens of passages in the prompt.
        max_tokens: most tokens of an answer, unless the request says otherwise.
    """

    def __init__(self, engine: Engine, context_tokens: int, max_tokens: int) -> None:
        self._engine = engine
        self._context_tokens = context_tokens
        self._max_tokens = max_tokens

    def adapter_for(self, request: AskRequest) -> str | None:
        """The adapter the request names; the default one if it names none; None if it says null."""
        return request.adapter if "adapter" in request.model_fields_set else self._engine.default_adapter

    async def draft(
        self, request: AskRequest, passages: Sequence[Passage], language: Language, on_text: Callable[[str], None]
    ) -> Draft:
        """One generation; `on_text` gets it piece by piece.

        Raises:
            UnknownAdapter, PromptTooLong, GenerationFailed: as `Engine.generate`.
        """
        packed = pack(passages, self._engine, self._context_tokens)
        prompt = self._engine.encode_chat(build_messages(request.question, request.history, packed, language))
        sampling = Sampling(
            max_tokens=request.max_tokens or self._max_tokens, temperature=request.temperature, seed=request.seed
        )
        started = time.monotonic()
        first: float | None = None
        pieces: list[str] = []
        tokens, complete, queue_ms = 0, False, 0.0
        generation = self._engine.generate(prompt, sampling, self.adapter_for(request))
        async with aclosing(generation):
            async for delta in generation:
                first = first if first is not None else _ms_since(started)
                tokens, queue_ms = tokens + 1, delta.queue_ms
                pieces.append(delta.text)
                if delta.text:
                    on_text(delta.text)
                complete = delta.finish == "stop"
                if _says_enough("".join(pieces)):
                    break
        usage = Usage(prompt_tokens=len(prompt), completion_tokens=tokens)
        return Draft("".join(pieces).strip(), complete, tuple(packed), usage, queue_ms, first, _ms_since(started))


def _says_enough(text: str) -> bool:
    """A third sentence has begun: two were asked for, and small models go on with whatever comes to mind."""
    return sum(1 for _ in split_units(text)) > MAX_SENTENCES


def _ms_since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
