"""One generation while it is wanted: its tokens, its blocks of the cache, its random numbers, and who waits for it."""

import time
from collections import deque
from collections.abc import Callable, Sequence

from agent.engine.base import FinishReason, Sampling, TokenDelta
from agent.engine.blocks import BlockHash
from agent.engine.drafter import Drafter
from agent.engine.sampling import Sampler
from agent.engine.scores import Scores
from agent.engine.text_stream import TextStream
from agent.errors import AskError, DeadlineExceeded
from agent.telemetry.clock import ms_since

Sink = Callable[[TokenDelta | AskError], None]


class Request:
    """Belongs to the engine's thread, but for `cancelled`, which anybody may set.

    Args:
        prompt_ids: at least one token.
        sampling: how to pick tokens.
        adapter: None for the base model.
        text: makes text of the tokens.
        end_ids: the tokens that end a generation.
        sink: gets every token, or the error that ended the generation; must not block.
        salt: of its prefixes in the cache: only what has the same one is shared.
        deadline: when it fails, on the clock of `time.monotonic`.
    """

    def __init__(
        self,
        prompt_ids: Sequence[int],
        sampling: Sampling,
        adapter: str | None,
        text: TextStream,
        end_ids: frozenset[int],
        sink: Sink,
        *,
        salt: bytes = b"",
        deadline: float | None = None,
    ) -> None:
        self.adapter = adapter
        self.salt = salt
        self.tokens = list(prompt_ids)
        self.prompt_length = len(self.tokens)
        self.most_tokens = len(self.tokens) + sampling.max_tokens
        self.computed = 0
        self.blocks: list[int] = []
        self.borrowed: list[int] = []
        self.hashes: list[BlockHash] = []
        self.published = 0
        self.cached_tokens = 0
        self.preempted = False
        self.cancelled = False
        self.ended = False
        self.drafter = Drafter()
        self._deadline = deadline
        self._text = text
        self._end_ids = end_ids
        self._sink = sink
        self._sampler = Sampler(sampling)
        # Token, log-probability, and that of what was withheld. Making text of them takes longer than picking them, so
        # it is done while the next step runs, unless the text may end the generation.
        self._untold: deque[tuple[int, float, float | None]] = deque()
        self._over = False
        self._ends_by_text = bool(sampling.stop)
        self._submitted = time.monotonic()
        self._queue_ms: float | None = None

    @property
    def pending(self) -> int:
        """How many known tokens are not in the cache: 1 while it generates."""
        return len(self.tokens) - self.computed

    @property
    def late(self) -> bool:
        """Its deadline is over."""
        return self._deadline is not None and time.monotonic() >= self._deadline

    def admit(self) -> None:
        """It has got a place; from here on it runs."""
        if self._queue_ms is None:
            self._queue_ms = ms_since(self._submitted)

    def accept(self, scores: Scores, first: int, draft: Sequence[int]) -> None:
        """Pick tokens: one, and one more for each guess of `draft` that was right; `tell` delivers them.

        Of `scores` the row `first` is behind the last known token, and the next ones behind each guess.
        """
        right = 0
        for place in range(len(draft) + 1):
            token = self._sampler.pick(scores, first + place)
            self._take(token)
            if self.ended or place == len(draft) or token != draft[place]:
                break
            right += 1
        # All known tokens are in the cache, but for the last one, which nobody has read yet.
        self.computed = len(self.tokens) - 1
        self.drafter.learn(len(draft), right)

    def tell(self) -> None:
        """Deliver what has been accepted and not been told yet."""
        while self._untold and not self._over:
            token, logprob, withheld = self._untold.popleft()
            text, stopped = self._text.add(token)
            stops = stopped or token in self._end_ids
            last = self.ended and not self._untold
            finish: FinishReason | None = "stop" if stops else "length" if last else None
            if finish is not None and not stopped:
                text += self._text.rest()
            self.ended = self.ended or stopped
            self._over = finish is not None
            self._sink(TokenDelta(token, text, finish, self._queue_ms or 0.0, logprob, withheld, self.cached_tokens))

    def fail(self, error: AskError) -> None:
        """End it with an error, unless its end has been told."""
        self._untold.clear()
        if not self._over:
            self.ended = self._over = True
            self._sink(error)

    def expire(self) -> None:
        """End it because its deadline is over."""
        self.fail(DeadlineExceeded())

    def _take(self, token: int) -> None:
        self.tokens.append(token)
        self._untold.append((token, self._sampler.logprob, self._sampler.withheld))
        self.ended = token in self._end_ids or len(self.tokens) == self.most_tokens
        if self._ends_by_text:
            self.tell()
