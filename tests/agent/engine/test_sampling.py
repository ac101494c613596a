"""Which token comes next."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from agent.engine.base import Sampling
from agent.engine.sampling import Sampler

VOCABULARY = 12
TOKENS = st.integers(0, VOCABULARY - 1)
CHOICES = st.lists(st.lists(TOKENS, min_size=1, max_size=4).map(tuple), min_size=1, max_size=5)
SEEDS = st.integers(0, 2**32)


def logits_from(seed: int, steps: int) -> torch.Tensor:
    return torch.randn(steps, VOCABULARY, generator=torch.Generator().manual_seed(seed))


@given(choices=CHOICES, seed=SEEDS, temperature=st.sampled_from([0.0, 0.7, 2.0]))
def test_a_generation_begins_with_one_of_the_choices(
    choices: list[tuple[int, ...]], seed: int, temperature: float
) -> None:
    """Exactly one, also where one begins like another; the temperature has no say in it."""
    sampler = Sampler(Sampling(max_tokens=9, temperature=temperature, seed=1, choices=tuple(choices)))
    rows = logits_from(seed, 4)
    made: list[int] = []
    while tuple(made) not in choices:
        made.append(sampler.pick(rows[len(made)]))
        assert any(choice[: len(made)] == tuple(made) for choice in choices)
    alone = Sampler(Sampling(max_tokens=9, choices=tuple(choices)))
    assert made == [alone.pick(rows[step]) for step in range(len(made))]


@given(choices=CHOICES, seed=SEEDS)
def test_behind_the_choice_it_goes_on_freely(choices: list[tuple[int, ...]], seed: int) -> None:
    """The next token is the likeliest of all, as without choices."""
    sampler = Sampler(Sampling(max_tokens=9, choices=tuple(choices)))
    rows = logits_from(seed, 6)
    made: list[int] = []
    while tuple(made) not in choices:
        made.append(sampler.pick(rows[len(made)]))
    assert int(rows[5].argmax()) == sampler.pick(rows[5])


def test_the_likeliest_choice_is_taken_token_by_token() -> None:
    """Among those that begin alike the next token decides; a likelier token that no choice has is left alone."""
    rows = torch.zeros(2, VOCABULARY)
    rows[0, 9], rows[0, 3], rows[0, 1] = 5.0, 2.0, 1.0
    rows[1, 7] = 1.0
    sampler = Sampler(Sampling(max_tokens=4, choices=((1, 2), (3, 4), (3, 7))))
    assert [3, 7] == [sampler.pick(rows[0]), sampler.pick(rows[1])]


@pytest.mark.parametrize("choices", [(), ((),)])
def test_without_a_choice_it_is_free_at_once(choices: tuple[tuple[int, ...], ...]) -> None:
    """No choices, or one of no tokens."""
    row = logits_from(3, 1)[0]
    assert int(row.argmax()) == Sampler(Sampling(max_tokens=1, choices=choices)).pick(row)


@given(seed=SEEDS, top_p=st.floats(0.05, 1.0))
def test_only_the_nucleus_is_sampled_from(seed: int, top_p: float) -> None:
    """The fewest tokens that together reach `top_p`; one seed gives one token."""
    row = logits_from(seed, 1)[0]
    ranked, ids = torch.softmax(row, dim=-1).sort(descending=True)
    nucleus = {int(token) for token, before in zip(ids, ranked.cumsum(0) - ranked, strict=True) if before < top_p}
    picked = {Sampler(Sampling(max_tokens=1, temperature=1.0, top_p=top_p, seed=7)).pick(row) for _ in range(3)}
    assert 1 == len(picked)
    assert picked <= nucleus
