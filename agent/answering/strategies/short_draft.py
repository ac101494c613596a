"""What a model drafts for the strategy `short`: the fewest words that answer, and the sentence that they rest on."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from agent.answering.generation import asked_of, model_name, told_of, usage_of
from agent.answering.prompts.short import NOTHING, build_prompt, completion, pack, settled, split_pick
from agent.engine.base import ChatMessage, Engine, Sampling, TokenDelta
from agent.retrieval.evidence import Evidence
from agent.schemas import AskRequest, Language, Usage
from agent.telemetry import signals
from agent.telemetry.clock import ms_since
from agent.telemetry.tracing import span
from agent.text.sentences import split_units

MAX_SENTENCES = 2
# A model holds that nothing answers if that is likelier than all answers together. Greedy decoding would compare it
# with each first word of an answer, among which their probability is spread.
_NOTHING_LIKELIER = 0.5


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model said of a prompt. Times in milliseconds since the generation was asked for.

    Attributes:
        text: the wording, without the number behind it.
        complete: the model ended by itself.
        picked: that number; `NOTHING` when there is no wording in front of it, None when it did not say.
        nothing: the probability that it would have said `NOTHING` instead, 0 to 1; None when not known.
        certainty: the probability of the wording, 0 to 1: the geometric mean over its tokens; a half where it has none.
    """

    text: str
    complete: bool
    picked: int | None
    nothing: float | None
    certainty: float
    usage: Usage
    queue_ms: float
    first_token_ms: float | None
    generation_ms: float

    @property
    def finds_nothing(self) -> bool:
        """The model holds that nothing answers, although it was made to word an answer."""
        return self.picked == NOTHING or (self.nothing is not None and self.nothing >= _NOTHING_LIKELIER)


async def read(
    engine: Engine,
    messages: Sequence[ChatMessage],
    sampling: Sampling,
    adapter: str | None,
    on_text: Callable[[str], None] = lambda _text: None,
    *,
    salt: bytes = b"",
    deadline: float | None = None,
) -> Reading:
    """Generate; `on_text` gets the wording as it grows.

    The model has to word an answer: what it would say of the best sentences is worth more than that it doubts them, and
    how much it doubts them is known from its first token alone.

    `salt` and `deadline` are as for `Engine.generate`, and so is what is raised.
    """
    ids = engine.encode_chat(messages)
    # "[", with which no wording begins; the digit behind it is certain.
    nothing = engine.encode(completion(NOTHING, ""))[0]
    started = time.monotonic()
    deltas: list[TokenDelta] = []
    first: float | None = None
    text, shown = "", 0
    sampling = replace(sampling, withheld=nothing)
    generation = engine.generate(ids, sampling, adapter, salt=salt, deadline=deadline)
    async with aclosing(generation):
        async for delta in generation:
            first = first if first is not None else ms_since(started)
            deltas.append(delta)
            text += delta.text
            wording = settled(text)
            if len(wording) > shown:
                on_text(wording[shown:])
                shown = len(wording)
            if _says_enough(wording):
                break
    picked, wording = split_pick(text)
    if len(wording) > shown:
        on_text(wording[shown:])
    return Reading(
        text=wording.strip(),
        complete=bool(deltas) and deltas[-1].finish == "stop",
        picked=NOTHING if not wording.strip() and picked is not None else picked,
        nothing=None if not deltas or deltas[0].withheld is None else math.exp(deltas[0].withheld),
        certainty=math.exp(sum(delta.logprob for delta in deltas) / len(deltas)) if wording.strip() else 0.5,
        usage=usage_of(ids, deltas),
        queue_ms=deltas[-1].queue_ms if deltas else 0.0,
        first_token_ms=first,
        generation_ms=ms_since(started),
    )


def _says_enough(text: str) -> bool:
    """A third sentence has begun: small models go on with whatever comes to mind."""
    return sum(1 for _ in split_units(text)) > MAX_SENTENCES


@dataclass(frozen=True, slots=True)
class Draft:
    """What the model said, unverified, and the sentences that it read and may rest on, what it picked first."""

    reading: Reading
    allowed: tuple[Evidence, ...]

    def picked(self, best: Evidence) -> Evidence:
        """The sentence that the model picked; `best`, that of the ranking, where it picked none."""
        return best if self.reading.picked in (None, NOTHING) else self.allowed[0]


class ShortAnswerer:
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

    async def draft(
        self,
        request: AskRequest,
        evidence: Sequence[Evidence],
        adapter: str | None,
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
        model = model_name(self._engine, adapter)
        with span(signals.CHAT.format(model=model), asked_of(self._engine, sampling, adapter)) as chat:
            reading = await read(
                self._engine, prompt.messages, sampling, adapter, on_text, salt=salt, deadline=deadline
            )
            chat.set(told_of(reading.usage, reading.complete, reading.first_token_ms, model))
        return Draft(reading, prompt.picked_first(reading.picked))
