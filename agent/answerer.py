"""The Answerer: lets the model pick its evidence and word an answer from it."""

import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice

from agent.engine.base import Engine, Sampling
from agent.prompts import Prompt, begins_pick, build_prompt, key_of, pack, split_pick
from agent.retrieval.evidence import Evidence
from agent.retrieval.retriever import Passage
from agent.schemas import AskRequest, Language, Usage
from agent.telemetry.clock import ms_since
from agent.text.sentences import split_units

MAX_SENTENCES = 2
# How many of the best source sentences the model may answer from: further down they are about something else.
ALLOWED_EVIDENCE = 4


@dataclass(frozen=True, slots=True)
class Draft:
    """What the model wrote, unverified. Times in milliseconds since the generation was asked for.

    `allowed` is the evidence it may rest on, what the model picked first.
    """

    text: str
    complete: bool
    packed: tuple[Passage, ...]
    allowed: tuple[Evidence, ...]
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
        self,
        request: AskRequest,
        passages: Sequence[Passage],
        evidence: Sequence[Evidence],
        language: Language,
        on_text: Callable[[str], None],
    ) -> Draft:
        """One generation; `on_text` gets the wording piece by piece, without the number it begins with.

        Raises:
            UnknownAdapter, PromptTooLong, GenerationFailed, NoLanguageModel: as `Engine.generate`.
        """
        packed = pack(passages, self._engine, self._context_tokens)
        prompt = build_prompt(request.question, request.history, packed, language)
        readable = (item for item in evidence if key_of(item.passage, item.sentence) in prompt.numbers)
        allowed = list(islice(readable, ALLOWED_EVIDENCE))
        ids = self._engine.encode_chat(prompt.messages)
        sampling = Sampling(
            max_tokens=request.max_tokens or self._max_tokens,
            temperature=request.temperature,
            seed=request.seed,
            choices=prompt.choices(allowed, self._engine),
        )
        started = time.monotonic()
        first: float | None = None
        text, shown = "", 0
        tokens, complete, queue_ms = 0, False, 0.0
        generation = self._engine.generate(ids, sampling, self.adapter_for(request))
        async with aclosing(generation):
            async for delta in generation:
                first = first if first is not None else ms_since(started)
                tokens, queue_ms = tokens + 1, delta.queue_ms
                text += delta.text
                wording = "" if begins_pick(text) else split_pick(text)[1]
                if len(wording) > shown:
                    on_text(wording[shown:])
                    shown = len(wording)
                complete = delta.finish == "stop"
                if _says_enough(wording):
                    break
        usage = Usage(prompt_tokens=len(ids), completion_tokens=tokens)
        picked, wording = split_pick(text)
        if len(wording) > shown:
            on_text(wording[shown:])
        return Draft(
            wording.strip(), complete, prompt.packed, _picked_first(picked, allowed, prompt), usage, queue_ms, first,
            ms_since(started),
        )  # fmt: skip


def _picked_first(picked: int | None, allowed: Sequence[Evidence], prompt: Prompt) -> tuple[Evidence, ...]:
    return tuple(sorted(allowed, key=lambda item: prompt.numbers[key_of(item.passage, item.sentence)] != picked))


def _says_enough(text: str) -> bool:
    """A third sentence has begun: two were asked for, and small models go on with whatever comes to mind."""
    return sum(1 for _ in split_units(text)) > MAX_SENTENCES
