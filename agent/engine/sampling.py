"""Picks the next token."""

import torch

from agent.engine.base import Sampling


class Sampler:
    """Greedy at temperature 0; otherwise nucleus sampling (Holtzman et al. 2020) with a generator of its own, so that
    one seed gives one answer whatever else runs.
    """

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._open = [choice for choice in sampling.choices if choice]
        self._picked = 0
        self.logprob = 0.0
        self.watched: float | None = None
        self._generator = torch.Generator()
        if sampling.seed is not None:
            self._generator.manual_seed(sampling.seed)
        else:
            self._generator.seed()

    def pick(self, logits: torch.Tensor) -> int:
        """A token id from `logits`, shape (vocabulary,); `logprob` and `watched` are as in `TokenDelta`."""
        token = self._choose(logits) if self._open else self._sample(logits)
        logprobs = torch.log_softmax(logits.float(), dim=-1)
        watched = self._sampling.watched
        self.logprob = float(logprobs[token])
        self.watched = float(logprobs[watched]) if watched is not None and self._picked == 0 else None
        self._picked += 1
        return token

    def _choose(self, logits: torch.Tensor) -> int:
        """The likeliest token that continues one of the choices; always greedy, for it is a choice and no wording."""
        allowed = sorted({choice[self._picked] for choice in self._open})
        token = allowed[int(logits[allowed].argmax())]
        # A choice that is complete ends the choosing, even if a longer one begins like it.
        going_on = [choice for choice in self._open if choice[self._picked] == token]
        done = any(len(choice) == self._picked + 1 for choice in going_on)
        self._open = [] if done else going_on
        return token

    def _sample(self, logits: torch.Tensor) -> int:
        if self._sampling.temperature == 0.0:
            return int(logits.argmax())
        probabilities = torch.softmax(logits.float().cpu() / self._sampling.temperature, dim=-1)
        ranked, ids = probabilities.sort(descending=True)
        # Keep the fewest tokens that together reach top_p: those before which less than top_p lies.
        ranked[(ranked.cumsum(0) - ranked) >= self._sampling.top_p] = 0.0
        return int(ids[torch.multinomial(ranked, 1, generator=self._generator)])
