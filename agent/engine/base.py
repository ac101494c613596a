"""The one contract between the agents and whatever generates text."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from agent.engine.provenance import Provenance

FinishReason = Literal["stop", "length"]
ChatMessage = dict[str, str]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to pick tokens.

    Attributes:
        max_tokens: most of them, at least 1.
        temperature: 0 is greedy.
        top_p: of the likeliest tokens those that together have this probability, more than 0 to 1.
        top_k: of the likeliest so many; None is all.
        seed: the same one gives the same tokens; None is another one each time.
        stop: texts that end the generation; they are not part of it.
        allowed: ids of the only tokens that may be picked; None is all.
        withheld: id of a token that never stands first; the first delta tells how likely it was to.
    """

    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    allowed: frozenset[int] | None = None
    withheld: int | None = None


@dataclass(frozen=True, slots=True)
class TokenDelta:
    """One generated token. `text` is what it adds to the answer, empty while a character is incomplete.

    `logprob` is the natural logarithm of the token's probability, whatever the temperature and before anything was
    withheld; `withheld` that of `Sampling.withheld` to stand first, None on later tokens. `queue_ms` is how long the
    whole generation had to wait, `cached_tokens` how many tokens of the prompt were in the cache already.
    """

    token_id: int
    text: str
    finish: FinishReason | None = None
    queue_ms: float = 0.0
    logprob: float = 0.0
    withheld: float | None = None
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class EngineStats:
    """A snapshot, taken without stopping the engine; `shrunk` when memory was short and it does less at once since,
    `guessed` the tokens that were guessed from prompts.
    """

    running: int
    waiting: int
    capacity: int
    generated_tokens: int
    shrunk: bool = False
    guessed: int = 0
    guessed_right: int = 0


class Engine(Protocol):
    """Generates answers, several at once, each with its own adapter.

    Attributes:
        model: name of the base model.
        default_adapter: of a request that names none.
        context_length: most tokens of a prompt and its answer; 0 where there is no model.
        capacity: answers that can be generated at once.
        parameters: of the base model, 0 where that is not known.
    """

    model: str
    default_adapter: str | None
    context_length: int
    capacity: int
    parameters: int

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the adapters that can be asked for."""

    def has_adapter(self, name: str) -> bool:
        """Whether this one can be asked for."""

    def provenance(self, adapter: str) -> Provenance | None:
        """Where an adapter comes from; None if nothing says so, or it is not there."""

    def encode_chat(self, messages: Sequence[ChatMessage]) -> list[int]:
        """Token ids of a conversation, up to where the assistant's turn begins."""

    def encode(self, text: str) -> list[int]:
        """Token ids of plain text, without special tokens."""

    def count_tokens(self, text: str) -> int:
        """Length of `text` in tokens, without special tokens."""

    def generate(
        self,
        prompt_ids: Sequence[int],
        sampling: Sampling,
        adapter: str | None,
        *,
        salt: bytes = b"",
        deadline: float | None = None,
    ) -> AsyncGenerator[TokenDelta, None]:
        """Tokens as they are made. Closing the iterator stops the generation within one token.

        What of the prompt has been read before is read again only by those with the same adapter and the same `salt`.
        After `deadline`, on the clock of `time.monotonic`, it fails.

        Raises:
            UnknownAdapter: there is no adapter of this name that fits.
            PromptTooLong: the prompt and `max_tokens` exceed `context_length`, or the memory for keys and values.
            InvalidRequest: a token that is not in the vocabulary, or `sampling` out of range.
            DeadlineExceeded: the deadline is over.
            Overloaded: as many adapters as there is memory for are in use.
            GenerationFailed: the model failed; other generations are not affected.
        """

    def stats(self) -> EngineStats:
        """How busy it is."""

    def healthy(self) -> bool:
        """False once it can never generate again."""

    def close(self) -> None:
        """End every generation and free the model."""
