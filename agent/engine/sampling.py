"""Picks the next token."""

import math

import torch

from agent.engine.base import Sampling
from agent.engine.scores import Scores

# Below it the likeliest token is all that is left, and logits divided by it may not be numbers any more.
COLDEST = 1e-4


class Sampler:
    """Greedy at temperature 0; otherwise nucleus sampling (Holtzman et al. 2020) from the `top_k` likeliest, with a
    generator of its own, so that one seed gives one answer whatever else runs.
    """

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._picked = 0
        self._greedy = sampling.temperature < COLDEST and sampling.allowed is None
        self.logprob = 0.0
        self.withheld: float | None = None
        self._generator = torch.Generator()
        if sampling.seed is not None:
            self._generator.manual_seed(sampling.seed)
        else:
            self._generator.seed()

    def pick(self, scores: Scores, row: int) -> int:
        """A token id for one row; `logprob` and `withheld` are as in `TokenDelta`."""
        withheld = self._sampling.withheld if self._picked == 0 else None
        if self._greedy and withheld is None:
            self.logprob, self.withheld = scores.logprobs[row], None
            self._picked += 1
            return scores.likeliest[row]
        logits = scores.logits[row]
        logprobs = torch.log_softmax(logits.float(), dim=-1)
        self.withheld = None if withheld is None else float(logprobs[withheld])
        token = self._sample(self._possible(logits, withheld))
        self.logprob = float(logprobs[token])
        # Only now: a step that fails before this is made again.
        self._picked += 1
        return token

    def _possible(self, logits: torch.Tensor, withheld: int | None) -> torch.Tensor:
        """The logits with those of what must not be picked at minus infinity."""
        if self._sampling.allowed is not None:
            allowed = torch.tensor(sorted(self._sampling.allowed), device=logits.device)
            logits = torch.full_like(logits, -math.inf).index_copy(0, allowed, logits[allowed])
        if withheld is not None:
            logits = logits.index_fill(0, torch.tensor([withheld], device=logits.device), -math.inf)
        return logits

    def _sample(self, logits: torch.Tensor) -> int:
        if self._sampling.temperature < COLDEST:
            return int(logits.argmax())
        probabilities = torch.softmax(logits.float().cpu() / self._sampling.temperature, dim=-1)
        ranked, ids = probabilities.sort(descending=True, stable=True)
        if self._sampling.top_k is not None:
            ranked[self._sampling.top_k :] = 0.0
            ranked /= ranked.sum()
        # Keep the fewest tokens that together reach top_p: those before which less than top_p lies.
        ranked[(ranked.cumsum(0) - ranked) >= self._sampling.top_p] = 0.0
        return int(ids[torch.multinomial(ranked, 1, generator=self._generator)])
