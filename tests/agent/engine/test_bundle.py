"""Which sequences of a step are attended to together."""

import pytest
import torch

from agent.engine.bundle import Bundle, bundles
from agent.engine.step import Span, Step

BLOCK = 4
LIKE = torch.empty(0)


def step(*lengths: int, new: tuple[int, ...] = (1,)) -> Step:
    """Sequences of these lengths, the last `new` tokens of each in the step, in turn; each has its blocks backwards."""
    spans, first = [], 0
    for number, length in enumerate(lengths):
        count = -(-length // BLOCK)
        blocks = list(range(first, first + count))[::-1]
        rows = new[number % len(new)]
        spans.append(Span([7] * rows, length - rows, blocks, None, 1))
        first += count
    return Step(spans, BLOCK)


def seen(bundle: Bundle) -> list[list[list[int]]]:
    """For each sequence and each of its rows the slots that it sees."""
    slots = (bundle.blocks[:, :, None] * BLOCK + torch.arange(BLOCK)).flatten(1)
    shown = bundle.bias[:, 0] == 0
    return [[slots[place][row].tolist() for row in rows] for place, rows in enumerate(shown)]


def expected(made: Step, number: int, most: int, window: int | None = None) -> list[list[int]]:
    """The slots that each row of a sequence should see; behind its last row that one again."""
    span = made.spans[number]
    slots = [slot for run in made.runs[number] for slot in range(*run)]
    ends = [min(span.start + row, span.end - 1) + 1 for row in range(most)]
    return [slots[max(0, end - (window or end)) : end] for end in ends]


def test_sequences_of_about_the_same_length_are_bundled() -> None:
    """Each row sees its own tokens in order and nothing else; what stands alone in its length does not take part."""
    made = step(9, 30, 10, 29, 100)
    found = bundles(made, None, LIKE)
    assert [[1, 3], [2, 0]] == [list(bundle.spans) for bundle in found]
    for bundle in found:
        assert [[made.rows[number][0]] for number in bundle.spans] == bundle.rows.tolist()
        assert [expected(made, number, 1) for number in bundle.spans] == seen(bundle)


def test_several_rows_each_see_what_is_before_them() -> None:
    """A row that fills up is the last one again, and sees the same."""
    made = step(30, 29, 31, new=(3, 5, 2))
    (bundle,) = bundles(made, None, LIKE)
    assert [2, 0, 1] == list(bundle.spans)
    assert [[8, 9, 9, 9, 9], [0, 1, 2, 2, 2], [3, 4, 5, 6, 7]] == bundle.rows.tolist()
    assert [expected(made, number, 5) for number in bundle.spans] == seen(bundle)


@pytest.mark.parametrize("window", [1, 7, 8, 9, 50])
def test_a_window_hides_what_is_further_back(window: int) -> None:
    """Each row sees so many tokens, its own among them."""
    made = step(9, 8, new=(2,))
    (bundle,) = bundles(made, window, LIKE)
    assert [expected(made, number, 2, window) for number in bundle.spans] == seen(bundle)


@pytest.mark.parametrize("made", [step(9), step(40, 40, new=(20,)), step(9, 9, new=(1, 2)), step(9, 20)])
def test_what_is_like_nothing_else_is_attended_to_alone(made: Step) -> None:
    """A single sequence, pieces of prompts, one row beside several, or other lengths."""
    assert [] == bundles(made, None, LIKE)
