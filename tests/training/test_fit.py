"""What a run comes to."""

from pathlib import Path

import pytest
import torch

from tests.training.small import small_base
from training.fit import Progress, Recipe, fit
from training.packing import Encoded, Group

LONG = Group((Encoded((5, 6, 7), (8, 9, 10, 11, 12, 13, 2)),), 0)
SHORT = Group((Encoded((5, 6), (3,)),), 0)
TRAIN = [LONG, SHORT]


def loss_of(groups: list[Group]) -> float:
    """The mean over all tokens of the completions, one example after another."""
    model, total, count = small_base().eval(), 0.0, 0
    for (example,) in (one.examples for one in groups):
        said = len(example.completion)
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([example.ids])).logits[0]
        right = torch.tensor(example.completion)
        total += float(torch.nn.functional.cross_entropy(logits[-said - 1 : -1], right, reduction="sum"))
        count += said
    return total / count


@pytest.mark.parametrize("micro_batch", [1, 2])
def test_a_loss_is_the_mean_over_tokens(tmp_path: Path, micro_batch: int) -> None:
    """A short answer counts for its few tokens, however the groups fall into batches."""
    held_out = [LONG, SHORT, SHORT]
    recipe = Recipe(learning_rate=1e-12, batch=2, micro_batch=micro_batch, steps=1, evaluate_every=1)
    told: list[Progress] = []
    _model, outcome = fit(small_base(), TRAIN, held_out, recipe, tmp_path, told.append)
    assert pytest.approx(loss_of(held_out), abs=1e-4) == outcome["held_out_loss"]
    assert pytest.approx(loss_of(TRAIN), abs=1e-4) == outcome["loss"]
    assert [outcome["held_out_loss"]] == [round(one.held_out_loss, 4) for one in told if one.held_out_loss is not None]
