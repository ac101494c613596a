"""An engine without a model: it says what it was told to say. For tests, demos and developing a client."""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from types import MappingProxyType

from agent.engine.base import ChatMessage, EngineStats, FinishReason, Sampling, TokenDelta
from agent.engine.provenance import Provenance
from agent.errors import GenerationFailed, PromptTooLong, UnknownAdapter

Script = Callable[[str], str]


class ScriptedEngine:
    """Answers with `script(prompt)`, one word per token, `delay_s` apart.

    The prompt is the text of all messages, one after the other; a token is a word. A script that raises makes the
    generation fail as a real model's would. It says what it was told to say, whatever `Sampling` asks for.
    """

    def __init__(
        self,
        script: Script = lambda _prompt: "I do not know.",
        *,
        adapters: Sequence[str] = (),
        provenances: Mapping[str, Provenance] = MappingProxyType({}),
        delay_s: float = 0.0,
        capacity: int = 4,
        context_length: int = 4096,
        parameters: int = 0,
    ) -> None:
        self.model = "scripted"
        self.adapters = tuple(adapters)
        self.default_adapter = self.adapters[0] if self.adapters else None
        self.provenances = dict(provenances)
        self.context_length = context_length
        self.parameters = parameters
        self.capacity = capacity
        self.prompts: list[str] = []
        self.adapters_used: list[str | None] = []
        self.salts: list[bytes] = []
        self.cancelled = 0
        self._script = script
        self._delay_s = delay_s
        self._words: list[str] = []
        self._ids: dict[str, int] = {}
        self._running = 0
        self._generated = 0
        self._closed = False

    def encode_chat(self, messages: Sequence[ChatMessage]) -> list[int]:
        """Ids of the words of all messages."""
        return [self._id(word) for message in messages for word in _words(message["content"] + "\n")]

    def encode(self, text: str) -> list[int]:
        """Ids of its words."""
        return [self._id(word) for word in _words(text)]

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
        """The script's words, one by one."""
        if adapter is not None and adapter not in self.adapters:
            raise UnknownAdapter(param="adapter")
        if len(prompt_ids) + sampling.max_tokens > self.context_length:
            raise PromptTooLong()
        prompt = "".join(self._words[token] for token in prompt_ids)
        self.prompts.append(prompt)
        self.adapters_used.append(adapter)
        self.salts.append(salt)
        self._running += 1
        finished = False
        try:
            words = _words(self._run(prompt))
            kept = words[: sampling.max_tokens]
            for place, word in enumerate(kept):
                await asyncio.sleep(self._delay_s)
                if self._closed:
                    raise GenerationFailed(detail="the engine is closed")
                self._generated += 1
                last = place == len(kept) - 1
                finished = last
                finish: FinishReason | None = ("stop" if kept == words else "length") if last else None
                yield TokenDelta(self._id(word), word, finish, withheld=self._withheld(word, place, sampling))
        finally:
            self._running -= 1
            self.cancelled += not finished

    def has_adapter(self, name: str) -> bool:
        """As `Engine.has_adapter`."""
        return name in self.adapters

    def provenance(self, adapter: str) -> Provenance | None:
        """As `Engine.provenance`."""
        return self.provenances.get(adapter)

    def stats(self) -> EngineStats:
        """How many generations run; nothing ever waits here."""
        return EngineStats(self._running, 0, self.capacity, self._generated)

    def healthy(self) -> bool:
        """True until it is closed."""
        return not self._closed

    def close(self) -> None:
        """Mark it closed."""
        self._closed = True

    def _run(self, prompt: str) -> str:
        try:
            return self._script(prompt)
        except RuntimeError as error:
            raise GenerationFailed(detail=repr(error)) from error

    def _withheld(self, word: str, place: int, sampling: Sampling) -> float | None:
        """Of a script nothing is withheld: what it says was certain, and what it does not say out of the question."""
        if place > 0 or sampling.withheld is None:
            return None
        return 0.0 if self._id(word.strip()) == sampling.withheld else -math.inf

    def _id(self, word: str) -> int:
        if word not in self._ids:
            self._ids[word] = len(self._words)
            self._words.append(word)
        return self._ids[word]


def _words(text: str) -> list[str]:
    """Words with the white space that follows them, so that joining gives the text back."""
    pieces: list[str] = []
    for piece in text.split(" "):
        pieces.append(piece + " ")
    if pieces:
        pieces[-1] = pieces[-1][:-1]
    return [piece for piece in pieces if piece]
