"""What adapters add to a layer, each to its own rows."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from agent.engine.lora import LoraLinear, Routing

INSIDE, OUTSIDE = 6, 5


def layer(routing: Routing, adapters: dict[str, float]) -> LoraLinear:
    """With random weights of these sizes, each adapter of another rank."""
    torch.manual_seed(0)
    made = LoraLinear(nn.Linear(INSIDE, OUTSIDE), routing)
    for rank, (name, size) in enumerate(adapters.items(), start=1):
        made.add(name, torch.randn(INSIDE, rank) * size, torch.randn(rank, OUTSIDE) * size)
    return made


@given(st.lists(st.sampled_from(["", "a", "b", "elsewhere"]), min_size=1, max_size=8), st.integers(1, 200))
def test_rows_of_any_mixture_get_what_their_adapter_adds_alone(owners: list[str], rows_each: int) -> None:
    """Few rows or many; an adapter that the layer does not have adds nothing."""
    routing = Routing()
    mixed = layer(routing, {"a": 1.0, "b": 1.0})
    rows = torch.randn(1, len(owners) * rows_each, INSIDE)
    runs = [(owner, (at * rows_each, (at + 1) * rows_each)) for at, owner in enumerate(owners)]
    with torch.inference_mode():
        routing.set([(owner, run) for owner, run in runs if owner], rows.shape[1])
        found = mixed(rows)
        for owner, (start, end) in runs:
            routing.set([(owner, (0, rows_each))] if owner else [], rows_each)
            torch.testing.assert_close(found[:, start:end], mixed(rows[:, start:end]), rtol=1e-4, atol=1e-4)


def test_what_is_too_large_in_one_adapter_stays_in_its_rows() -> None:
    """Products that overflow are not multiplied away, they are left out."""
    routing = Routing()
    mixed = layer(routing, {"a": 1e38, "b": 1.0})
    with torch.inference_mode():
        routing.set([("a", (0, 1)), ("b", (1, 2))], 2)
        found = mixed(torch.full((1, 2, INSIDE), 100.0))
    assert not found[0, 0].isfinite().all()
    assert found[0, 1].isfinite().all()


def test_an_adapter_that_left_adds_nothing_any_more() -> None:
    """Nor does it where several were applied together before."""
    routing = Routing()
    mixed = layer(routing, {"a": 1.0, "b": 1.0})
    rows = torch.randn(1, 2, INSIDE)
    with torch.inference_mode():
        routing.set([("a", (0, 1)), ("b", (1, 2))], 2)
        mixed(rows)
        mixed.remove("a")
        torch.testing.assert_close(mixed(rows)[0, 0], mixed.base(rows)[0, 0])
