"""When a guess pays."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.engine.pace import Pace

TIMES = st.floats(1e-4, 1e-1)


@given(start=TIMES, sequence=TIMES, guess=TIMES, sequences=st.integers(1, 64), seed=st.integers(0, 999))
def test_a_guess_must_pay_for_its_row(start: float, sequence: float, guess: float, sequences: int, seed: int) -> None:
    """It is right often enough if tokens come faster with it than without."""
    draw, pace = random.Random(seed), Pace()  # noqa: S311
    for _ in range(60):
        guesses = draw.choice([0, 1, 4, 8])
        pace.learn(sequences, guesses, start + sequence * sequences + guess * guesses)
    without = sequences / (start + sequence * sequences)
    for right in (pace.worth(sequences) - 0.02, pace.worth(sequences) + 0.02):
        with_one = (sequences + right) / (start + sequence * sequences + guess)
        if 0.1 < right < 0.9:
            assert (with_one > without) is (right > pace.worth(sequences))


def test_nothing_is_known_before_guesses_have_been_seen() -> None:
    """However many steps without there were."""
    pace = Pace()
    unknown = pace.worth(4)
    for _ in range(100):
        pace.learn(4, 0, 0.01)
    assert unknown == pace.worth(4)


def test_a_step_in_which_something_else_happened_does_not_count() -> None:
    """An adapter was loaded, or the machine slept."""
    pace = Pace()
    for guesses in (0, 8) * 20:
        pace.learn(4, guesses, 0.01 + 0.0005 * guesses)
    before = pace.worth(4)
    pace.learn(4, 8, 3.0)
    assert pytest.approx(before) == pace.worth(4)


def test_what_changes_is_learned_anew() -> None:
    """Rows that cost nothing at first may cost much later, when contexts are long."""
    pace = Pace()
    for guesses in (0, 8) * 30:
        pace.learn(4, guesses, 0.01)
    assert pace.worth(4) < 0.1
    for guesses in (0, 8) * 200:
        pace.learn(4, guesses, 0.01 + 0.003 * guesses)
    assert pace.worth(4) > 0.9
