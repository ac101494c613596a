"""No language model at all: the service quotes, in `mode: extractive`, and generates nothing."""

from collections.abc import AsyncGenerator, Sequence

from agent.engine.base import ChatMessage, EngineStats, Sampling, TokenDelta
from agent.engine.provenance import Provenance
from agent.errors import NoLanguageModel

# Quoting takes milliseconds of a core; this many at once keep a small machine busy without a queue.
CAPACITY = 4


class NoEngine:
    """What `BASE_MODEL=none` loads. Whoever asks it to generate gets `NoLanguageModel`."""

    model = "none"
    adapters: tuple[str, ...] = ()
    default_adapter: str | None = None
    context_length = 0
    parameters = 0
    capacity = CAPACITY

    def __init__(self) -> None:
        self._closed = False

    def encode_chat(self, messages: Sequence[ChatMessage]) -> list[int]:
        """Nothing: there is no tokenizer."""
        return []

    def encode(self, text: str) -> list[int]:
        """Nothing: there is no tokenizer."""
        return []

    def count_tokens(self, text: str) -> int:
        """Number of words."""
        return len(text.split())

    async def generate(
        self,
        prompt_ids: Sequence[int],
        sampling: Sampling,
        adapter: str | None,
        *,
        salt: bytes = b"",
        deadline: float | None = None,
    ) -> AsyncGenerator[TokenDelta, None]:
        """Always refuses."""
        raise NoLanguageModel(param="mode")
        yield  # what makes this a generator

    def has_adapter(self, name: str) -> bool:
        """As `Engine.has_adapter`."""
        return name in self.adapters

    def provenance(self, adapter: str) -> Provenance | None:
        """As `Engine.provenance`."""
        return None

    def stats(self) -> EngineStats:
        """Nothing ever runs."""
        return EngineStats(0, 0, self.capacity, 0)

    def healthy(self) -> bool:
        """True until it is closed."""
        return not self._closed

    def close(self) -> None:
        """Mark it closed."""
        self._closed = True
