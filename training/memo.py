"""An engine that remembers: the same greedy generation is made once, however many measurements ask for it."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from agent.engine.base import ChatMessage, Engine, EngineStats, Sampling, TokenDelta
from agent.engine.provenance import Provenance


class MemoEngine:
    """Wraps an engine; what was generated before for the same prompt, sampling and adapter is given again.

    A generation that its reader broke off is kept as far as it came: the same reader breaks off at the same place.
    `provenances` are those that its adapters are taken to have.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[tuple[tuple[int, ...], Sampling, str | None], list[TokenDelta]] = {}
        self.model = engine.model
        self.adapters = engine.adapters
        self.provenances: Mapping[str, Provenance] = {}
        self.default_adapter = engine.default_adapter
        self.context_length = engine.context_length
        self.parameters = engine.parameters
        self.capacity = engine.capacity

    def encode_chat(self, messages: Sequence[ChatMessage]) -> list[int]:
        """As `Engine.encode_chat`."""
        return self._engine.encode_chat(messages)

    def encode(self, text: str) -> list[int]:
        """As `Engine.encode`."""
        return self._engine.encode(text)

    def count_tokens(self, text: str) -> int:
        """As `Engine.count_tokens`."""
        return self._engine.count_tokens(text)

    async def generate(
        self,
        prompt_ids: Sequence[int],
        sampling: Sampling,
        adapter: str | None,
        *,
        salt: bytes = b"",
        deadline: float | None = None,
    ) -> AsyncGenerator[TokenDelta, None]:
        """As `Engine.generate`."""
        key = (tuple(prompt_ids), sampling, adapter)
        if key in self._known:
            for delta in self._known[key]:
                yield delta
            return
        deltas: list[TokenDelta] = []
        generation = self._engine.generate(prompt_ids, sampling, adapter, salt=salt, deadline=deadline)
        async with aclosing(generation):
            try:
                async for delta in generation:
                    deltas.append(delta)
                    yield delta
            except GeneratorExit:
                self._known[key] = deltas
                raise
        self._known[key] = deltas

    def has_adapter(self, name: str) -> bool:
        """As `Engine.has_adapter`."""
        return name in self.adapters

    def provenance(self, adapter: str) -> Provenance | None:
        """As `Engine.provenance`."""
        return self.provenances.get(adapter)

    def stats(self) -> EngineStats:
        """As `Engine.stats`."""
        return self._engine.stats()

    def healthy(self) -> bool:
        """As `Engine.healthy`."""
        return self._engine.healthy()

    def close(self) -> None:
        """As `Engine.close`."""
        self._engine.close()
