"""What goes through the model at once."""

import pytest
import torch

from agent.engine.step import Bundle, Span, Step

BLOCK = 4
CPU = torch.device("cpu")


def step(*lengths: int, new: int = 1) -> Step:
    """Sequences of these lengths, the last `new` tokens of each in the step; each has its blocks backwards."""
    spans, first = [], 0
    for length in lengths:
        count = -(-length // BLOCK)
        blocks = list(range(first, first + count))[::-1]
        spans.append(Span([7] * new, length - new, blocks, None, 1))
        first += count
    return Step(spans, BLOCK)


def seen(bundle: Bundle) -> list[list[int]]:
    """For each sequence the slots that its row sees."""
    slots = bundle.slots.view(len(bundle.spans), -1)
    shown = torch.ones_like(slots, dtype=torch.bool) if bundle.seen is None else bundle.seen[:, 0, 0]
    return [row[mask].tolist() for row, mask in zip(slots, shown, strict=True)]


def test_sequences_of_about_the_same_length_are_bundled() -> None:
    """Each row sees its own tokens in order and nothing else; what stands alone in its length does not take part."""
    made = step(9, 30, 10, 29, 100)
    bundles = made.bundles(CPU, None)
    assert [[1, 3], [2, 0]] == [list(bundle.spans) for bundle in bundles]
    for bundle in bundles:
        assert [made.rows[number][0] for number in bundle.spans] == bundle.rows.tolist()
        own = [[slot for run in made.runs[number] for slot in range(*run)] for number in bundle.spans]
        assert own == seen(bundle)


@pytest.mark.parametrize(("made", "window"), [(step(9, 9, new=2), None), (step(9, 9), 8), (step(9), None)])
def test_what_needs_more_than_its_length_is_attended_to_alone(made: Step, window: int | None) -> None:
    """Several rows, a window narrower than the sequence, or a single sequence."""
    assert [] == made.bundles(CPU, window)
