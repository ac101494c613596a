"""One thread computes with all of torch's threads, the others alone."""

import threading
from collections.abc import Iterator

import pytest
import torch

from agent.engine.threads import ALL, compute_alone, compute_with


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    compute_with(ALL)


def test_a_thread_keeps_its_number_when_another_sets_its_own() -> None:
    """Even if it has not computed anything in between; one that begins later takes the number set last."""
    taken, others_set = threading.Event(), threading.Event()
    seen: list[int] = []

    def engine() -> None:
        compute_with(3)
        taken.set()
        others_set.wait(10)
        seen.append(torch.get_num_threads())

    own = threading.Thread(target=engine)
    own.start()
    assert taken.wait(10)
    compute_alone()
    others_set.set()
    own.join()
    later = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    later.start()
    later.join()
    assert [3, 1] == seen
    assert torch.get_num_threads() == 1
