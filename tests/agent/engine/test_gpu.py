"""The engine on a GPU: recorded steps, whole sequences, FlashAttention. Needs nothing but what the engine needs."""

import random
from collections.abc import Iterator

import pytest
import torch

from tests.agent.engine.tiny import ADAPTERS, BLOCK, Asked, Bench, adapter_folder, assert_rounding_only, settled

pytestmark = pytest.mark.gpu
_DRAW = random.Random(5)  # noqa: S311
PROMPTS = [tuple(_DRAW.randrange(97) for _ in range(length)) for length in (1, 2, 8, 9, 17, 40, 63, 64, 65, 130)]
# Some go on as others do, one repeats itself.
PROMPTS += [(*PROMPTS[5], 1, 2, 3), (*PROMPTS[9], 4), (1, 2, 3, 4, 5) * 6]
CASES = [(PROMPTS[at % len(PROMPTS)], (None, *ADAPTERS)[at % 4]) for at in range(32)]


@pytest.fixture(params=[True, False], ids=["guesses", "no guesses"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(blocks=1000, device="cuda", dtype=torch.bfloat16, drafts=request.param, left_behind=float("nan"))
    yield made
    made.close()


def test_all_at_once_differ_from_generate_by_rounding_only(bench: Bench) -> None:
    """Mixed lengths and adapters, prompts in pieces, whatever was in the cache before."""
    assert_rounding_only(bench, CASES, "cuda")
    settled(bench)


def test_what_was_read_before_is_copied(bench: Bench) -> None:
    """In whole blocks; the answers are the same."""
    for _ in range(2):
        assert_rounding_only(bench, CASES, "cuda")
    (prompt, adapter) = CASES[9]
    again = bench.ask(prompt, adapter)
    again.wait()
    assert (len(prompt) - 1) // BLOCK * BLOCK == again.cached_tokens > 0


def test_adapters_that_come_and_go_are_recorded_anew(bench: Bench) -> None:
    """The others and the base model go on as before."""
    assert_rounding_only(bench, CASES, "cuda")
    for change in (lambda: bench.adapters.unload("a"), lambda: bench.adapters.load("a", adapter_folder("a"))):
        bench.loop.between_steps(change).result()
        assert_rounding_only(bench, [case for case in CASES if case[1] != "a"], "cuda")
    assert_rounding_only(bench, CASES, "cuda")


def test_whoever_leaves_gives_everything_back(bench: Bench) -> None:
    """Cancelled at any token."""

    def leave(own: Asked) -> None:
        if len(own.tokens) > len(own.request.tokens) % 9:
            own.cancel()

    for at in range(100):
        bench.ask(*CASES[at % len(CASES)], on_token=leave)
    settled(bench)
