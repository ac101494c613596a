"""Guesses from what stands in the prompt."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from agent.engine.drafter import MOST, Drafter

TEXTS = st.lists(st.integers(0, 3), max_size=60)


@given(tokens=TEXTS, later=TEXTS)
def test_what_followed_where_most_is_alike_is_guessed(tokens: list[int], later: list[int]) -> None:
    """Of 16 places behind the last pair, that with the most alike before it, up to 8 tokens; of equals the latest."""
    drafter = Drafter()
    for end in range(len(tokens), len(tokens) + len(later) + 1):
        known = [*tokens, *later][:end]
        assert _by_looking(known) == drafter.draft(known, MOST, 0)


def test_numbers_as_large_as_ids_can_be_are_told_apart() -> None:
    """A pair is kept as one number."""
    largest = 2**31 - 1
    assert Drafter().draft([largest, 0, 5, 0, largest, 6, largest, 0], 1, 0) == [5]


def test_guesses_that_are_seldom_right_are_made_seldom() -> None:
    """Two, after every dozen of tokens, until they are right again."""
    drafter, tokens = Drafter(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    made = []
    for _ in range(60):
        tokens += [1, 2]
        draft = drafter.draft(tokens, MOST, 0.5)
        made.append(len(draft))
        drafter.learn(len(draft), 0)
    assert made[0] == MOST
    assert sum(map(bool, made[10:])) in range(3, 6)
    assert set(made[10:]) == {0, 2}


def _by_looking(tokens: Sequence[int]) -> list[int]:
    places = [place for place in range(2, len(tokens)) if tokens[place - 2 : place] == tokens[-2:]][-16:]
    if not places:
        return []

    def alike(place: int) -> int:
        return next((n for n in range(8) if n >= place or tokens[place - 1 - n] != tokens[-1 - n]), 8)

    best = max(places, key=lambda place: (alike(place), place))
    return list(tokens[best : best + MOST])
