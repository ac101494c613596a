"""Decides what goes through the model next: a token of each generation, and pieces of prompts in the room that is left.

Continuous batching (Yu et al. 2022, Orca) with chunked prefill (Agrawal et al. 2023, Sarathi): a step has at most so
many tokens; generations come first, so a long prompt slows nobody down for longer than one step.
"""

from collections import deque
from collections.abc import Mapping

from agent.engine.blocks import BlockPool, OutOfBlocks, extend_hashes
from agent.engine.drafter import MOST as MOST_DRAFTED
from agent.engine.pace import Pace
from agent.engine.request import Request
from agent.engine.step import Span

# A request gets room for all it may generate at once while so much of the cache stays free: in one piece it is read
# faster, and what it does not use is taken back before anybody is thrown out.
_ROOMY = 0.25
_LEAST_STEP = 16


class Scheduler:
    """Which requests run, and which of their tokens are next. Belongs to the engine's thread.

    Args:
        pool: the cache's blocks.
        step_tokens: most tokens of a step.
        most_running: most requests at once.
        drafts: whether guesses are checked along.
        guessing_tokens: most tokens of all that generate, their guesses included.
        whole: keep each sequence in one piece of the cache, for as many tokens as it can come to: what is known of it
            is copied there, and nobody has to leave for another.
    """

    def __init__(
        self, pool: BlockPool, step_tokens: int, most_running: int, *, drafts: bool,
        guessing_tokens: int | None = None, whole: bool = False,
    ) -> None:  # fmt: skip
        self.pool = pool
        self.waiting: deque[Request] = deque()
        self.running: list[Request] = []
        self.preemptions = 0
        self.shrunk = False
        self._step_tokens = step_tokens
        self._most_running = most_running
        self._drafts = drafts
        self._guessing_tokens = guessing_tokens or step_tokens
        self._whole = whole
        self._pace = Pace()

    def add(self, request: Request) -> None:
        """Let it wait for its turn."""
        self.waiting.append(request)

    def fits(self, tokens: int) -> bool:
        """Whether a request of so many tokens could run if it was alone."""
        return self.pool.blocks_for(tokens) <= self.pool.count

    def plan(self) -> dict[Request, Span]:
        """The next step; those with the same adapter beside each other. Empty when there is nothing to do."""
        self._reap()
        planned: dict[Request, Span] = {}
        left = self._step_tokens
        generating = [one for one in self.running if one.pending == 1 and not one.borrowed]
        guesses = self._guessing_tokens - len(generating) if self._drafts else 0
        worth = self._pace.worth(len(generating))
        # The oldest first: who is thrown out to make room is always younger.
        for request in generating:
            used = self._plan_next(request, planned, left, guesses, worth)
            left -= used
            guesses -= max(0, used - 1)
        for request in [one for one in self.running if one.pending > 1 or one.borrowed]:
            left -= self._plan_piece(request, planned, left)
        while left > 0 and self.waiting and len(self.running) < self._most_running and self._admit():
            left -= self._plan_piece(self.running[-1], planned, left)
        return dict(sorted(planned.items(), key=lambda item: item[0].adapter or ""))

    def settle(self, planned: Mapping[Request, Span], seconds: float) -> None:
        """The step is done, in so many seconds: what is in the cache now can be shared, and what has ended leaves."""
        if self._drafts and all(span.wanted == len(span.tokens) for span in planned.values()):
            rows = sum(span.wanted for span in planned.values())
            self._pace.learn(len(planned), rows - len(planned), seconds)
        for request, span in planned.items():
            if span.wanted == 0:
                request.computed = span.end
            self.pool.release(request.borrowed)
            request.borrowed = []
            self._publish(request)
        self._reap()

    def shrink(self) -> bool:
        """Half the tokens of a step, and half the requests, as memory was short; False if that is not possible."""
        if self._step_tokens <= _LEAST_STEP:
            return False
        self._step_tokens = max(_LEAST_STEP, self._step_tokens // 2)
        self._most_running = max(1, self._most_running // 2)
        self.shrunk = True
        while len(self.running) > self._most_running:
            self._preempt(self.running[-1])
        return True

    def drop(self, request: Request) -> None:
        """Take it out, whatever it is doing, and give its blocks back."""
        if request in self.running:
            self.running.remove(request)
        elif request in self.waiting:
            self.waiting.remove(request)
        self._release(request)

    def _reap(self) -> None:
        for request in (*self.running, *self.waiting):
            if not (request.cancelled or request.ended) and request.late:
                request.expire()
            if request.cancelled or request.ended:
                self.drop(request)

    def _plan_next(
        self, request: Request, planned: dict[Request, Span], left: int, guesses: int, worth: float
    ) -> int:  # fmt: skip
        """The next token of a request that generates, with guesses of those behind it; how many tokens that is."""
        if request not in self.running or left < 1:
            return 0
        most = min(left - 1, guesses, request.most_tokens - len(request.tokens) - 1, MOST_DRAFTED)
        draft = request.drafter.draft(request.tokens, most, worth) if most > 0 else []
        if draft and not self._grow(request, len(request.tokens) + len(draft)):
            draft = []
        if not self._make_room(request, len(request.tokens), planned):
            return 0
        tokens = [request.tokens[-1], *draft]
        planned[request] = Span(tokens, request.computed, list(request.blocks), request.adapter, len(tokens))
        return len(tokens)

    def _plan_piece(self, request: Request, planned: dict[Request, Span], left: int) -> int:
        """As much of a prompt as there is room for; how many tokens that is."""
        if request not in self.running or left < 1:
            return 0
        start, end = request.computed, min(len(request.tokens), request.computed + left)
        if not self._make_room(request, end, planned):
            return 0
        wanted = int(end == len(request.tokens))
        tokens = request.tokens[start:end]
        copies = list(zip(request.borrowed, request.blocks, strict=False))
        planned[request] = Span(tokens, start, list(request.blocks), request.adapter, wanted, copies)
        return len(tokens)

    def _admit(self) -> bool:
        """Let the first that waits run, if its prompt fits."""
        request = self.waiting[0]
        extend_hashes(request.hashes, request.tokens, self.pool.size, request.salt)
        # The last token goes through the model in any case: what comes next is not in the cache.
        known = self.pool.match(request.hashes[: (len(request.tokens) - 1) // self.pool.size])
        self.pool.hold(known)
        if not (self._place_whole(request, known) if self._whole else self._place(request, known)):
            self.pool.release(known)
            # What is known of it may stand in the only place where it could be.
            if self.running or not self._whole or not self._place_whole(request, known := []):
                return False
        request.computed = request.published = len(known) * self.pool.size
        if not request.preempted:
            request.cached_tokens = request.computed
        self.running.append(self.waiting.popleft())
        request.admit()
        return True

    def _place(self, request: Request, known: list[int]) -> bool:
        """Blocks behind those that are known, if there is room for the prompt."""
        needed = self.pool.blocks_for(len(request.tokens) + 1) - len(known)
        if needed > self.pool.available:
            return False
        wished = self.pool.blocks_for(request.most_tokens) - len(known)
        roomy = self.pool.available - wished >= _ROOMY * self.pool.count
        request.blocks = known + self.pool.take(wished if roomy else needed, known[-1] if known else None)
        return True

    def _place_whole(self, request: Request, known: list[int]) -> bool:
        """A piece of the cache for all of it, if there is one; what is known is copied there in the first step."""
        try:
            request.blocks = self.pool.take_run(self.pool.blocks_for(request.most_tokens))
        except OutOfBlocks:
            return False
        request.borrowed = known
        return True

    def _make_room(self, request: Request, tokens: int, planned: dict[Request, Span]) -> bool:
        """Blocks for so many tokens, from younger ones if need be. False if it had to leave itself."""
        while not self._grow(request, tokens):
            if self._take_back(planned):
                continue
            youngest = self.running[-1]
            planned.pop(youngest, None)
            self._preempt(youngest)
            if youngest is request:
                return False
        return True

    def _grow(self, request: Request, tokens: int) -> bool:
        missing = self.pool.blocks_for(tokens) - len(request.blocks)
        if missing <= 0:
            return True
        try:
            request.blocks += self.pool.take(missing, request.blocks[-1] if request.blocks else None)
        except OutOfBlocks:
            return False
        return True

    def _take_back(self, planned: Mapping[Request, Span]) -> bool:
        """Blocks that requests hold for later; whether there were any."""
        found = False
        for request in self.running:
            span = planned.get(request)
            used = self.pool.blocks_for(max(len(request.tokens), span.end if span else 0))
            if spare := request.blocks[used:]:
                self.pool.release(spare)
                del request.blocks[used:]
                found = True
        return found

    def _preempt(self, request: Request) -> None:
        """It goes back to the front of those that wait, and reads all it had again, unless that is still cached."""
        self.preemptions += 1
        request.preempted = True
        self.running.remove(request)
        self._release(request)
        self.waiting.appendleft(request)

    def _release(self, request: Request) -> None:
        self.pool.release((*request.blocks, *request.borrowed))
        request.blocks, request.borrowed = [], []
        request.computed = request.published = 0

    def _publish(self, request: Request) -> None:
        size = self.pool.size
        if request.computed - request.published < size:
            return
        extend_hashes(request.hashes, request.tokens[: request.computed], size, request.salt)
        for place in range(request.published // size, request.computed // size):
            self.pool.publish(request.blocks[place], request.hashes[place])
        request.published = request.computed // size * size
