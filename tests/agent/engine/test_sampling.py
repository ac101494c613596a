"""Which token comes next."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from agent.engine.base import Sampling
from agent.engine.sampling import Sampler
from agent.engine.scores import score

VOCABULARY = 12
SEEDS = st.integers(0, 2**32)
TEMPERATURES = st.sampled_from([0.0, 0.7, 2.0])


def logits_from(seed: int, steps: int) -> torch.Tensor:
    return torch.randn(steps, VOCABULARY, generator=torch.Generator().manual_seed(seed))


@given(seed=SEEDS, temperature=TEMPERATURES, withheld=st.integers(0, VOCABULARY - 1))
def test_a_withheld_token_never_stands_first(seed: int, temperature: float, withheld: int) -> None:
    """Whatever the temperature; how likely it was is told, and later it is a token like any other."""
    row = logits_from(seed, 1)[0]
    sampler = Sampler(Sampling(9, temperature, seed=1, withheld=withheld))
    assert withheld != sampler.pick(score(row[None]), 0)
    assert sampler.withheld is not None
    assert pytest.approx(float(torch.softmax(row, dim=-1)[withheld]), abs=1e-6) == math.exp(sampler.withheld)
    certain = torch.full((VOCABULARY,), -50.0).index_fill(0, torch.tensor([withheld]), 50.0)
    assert (withheld, None) == (sampler.pick(score(certain[None]), 0), sampler.withheld)


@given(seed=SEEDS)
def test_withholding_an_unlikely_token_changes_nothing(seed: int) -> None:
    """The likeliest token is picked, as it would be anyway."""
    rows = logits_from(seed, 3)
    scores = score(rows)
    plain, withholding = Sampler(Sampling(9)), Sampler(Sampling(9, withheld=int(rows[0].argmin())))
    assert [plain.pick(scores, row) for row in range(3)] == [withholding.pick(scores, row) for row in range(3)]


@given(seed=SEEDS, temperature=TEMPERATURES)
def test_a_token_comes_with_its_probability(seed: int, temperature: float) -> None:
    """What the model gave it, before the temperature and before anything was ruled out."""
    (row,) = logits_from(seed, 1)
    sampler = Sampler(Sampling(9, temperature, seed=1, withheld=int(row.argmax())))
    token = sampler.pick(score(row[None]), 0)
    assert pytest.approx(float(torch.log_softmax(row, dim=-1)[token])) == sampler.logprob


@given(seed=SEEDS)
def test_the_same_seed_picks_the_same_tokens(seed: int) -> None:
    """Whatever else is sampled meanwhile."""
    scores = score(logits_from(seed, 4))
    one, other = (Sampler(Sampling(9, 1.0, seed=5)) for _ in range(2))
    first = [one.pick(scores, row) for row in range(4)]
    torch.rand(3)
    assert first == [other.pick(scores, row) for row in range(4)]


@given(seed=SEEDS, top_p=st.floats(0.05, 1.0))
def test_only_the_nucleus_is_sampled_from(seed: int, top_p: float) -> None:
    """The fewest tokens that together reach `top_p`; one seed gives one token."""
    row = logits_from(seed, 1)[0]
    ranked, ids = torch.softmax(row, dim=-1).sort(descending=True)
    nucleus = {int(token) for token, before in zip(ids, ranked.cumsum(0) - ranked, strict=True) if before < top_p}
    sampling = Sampling(max_tokens=1, temperature=1.0, top_p=top_p, seed=7)
    picked = {Sampler(sampling).pick(score(row[None]), 0) for _ in range(3)}
    assert 1 == len(picked)
    assert picked <= nucleus
