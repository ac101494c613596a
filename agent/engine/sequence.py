"""One generation while it runs: its tokens, its cache, its random numbers, and who waits for it."""

import asyncio
import time
from collections.abc import Sequence as SequenceOf

import torch
from transformers import DynamicCache

from agent.engine.base import FinishReason, Sampling, TokenDelta
from agent.engine.sampling import Sampler
from agent.engine.text_stream import TextStream
from agent.engine.tokenizer import ChatTokenizer
from agent.errors import AskError
from agent.telemetry.clock import ms_since


class Sequence:
    """Belongs to the engine's thread, except for `deliver`'s queue, which belongs to the caller's event loop."""

    def __init__(
        self, prompt_ids: SequenceOf[int], sampling: Sampling, adapter: str | None, tokenizer: ChatTokenizer
    ) -> None:
        self.adapter = adapter
        self.cache = DynamicCache()
        self.pending = list(prompt_ids)
        self.cancelled = False
        self.queue_ms = 0.0
        self._submitted = time.monotonic()
        self.outcomes: asyncio.Queue[TokenDelta | AskError] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._sampler = Sampler(sampling)
        self._text = TextStream(tokenizer)
        self._left = sampling.max_tokens

    def admit(self) -> None:
        """It has got a place; from here on it runs."""
        self.queue_ms = ms_since(self._submitted)

    def accept(self, logits: torch.Tensor, end_ids: frozenset[int]) -> bool:
        """Pick the next token from `logits`, shape (vocabulary,), and deliver it. True when that was the last."""
        token = self._sampler.pick(logits)
        self._left -= 1
        finish: FinishReason | None = "stop" if token in end_ids else "length" if self._left == 0 else None
        self.pending = [token]
        text, _ = self._text.add(token)
        if finish is not None:
            text += self._text.rest()
        sampler = self._sampler
        self._deliver(TokenDelta(token, text, finish, self.queue_ms, sampler.logprob, sampler.withheld))
        return finish is not None

    def fail(self, error: AskError) -> None:
        """End it with an error."""
        self._deliver(error)

    def _deliver(self, outcome: TokenDelta | AskError) -> None:
        if self._loop.is_closed():
            self.cancelled = True
            return
        self._loop.call_soon_threadsafe(self.outcomes.put_nowait, outcome)
