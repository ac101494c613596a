"""Torch's CPU threads: the engine's thread computes with all of them, every other thread of the process alone.

They are OpenMP's. Each thread that has computed with several keeps a team of helpers for as long as it lives, and once
the teams have more threads than there are cores, GNU OpenMP puts helpers to sleep behind each operation instead of
letting them wait awake for the next (`GOMP_SPINCOUNT` in its manual: 100 rounds instead of 300,000). A step has
hundreds of small operations; waking up for each of them makes it half as fast again.
"""

import torch

# As torch counts them: cores, or OMP_NUM_THREADS.
ALL = torch.get_num_threads()


def compute_with(threads: int) -> None:
    """Let the calling thread compute with so many, and those that have not computed yet as well."""
    # A thread takes the number set last over when it first asks for one, so let that be before it sets its own.
    torch.get_num_threads()
    torch.set_num_threads(threads)


def compute_alone() -> None:
    """Let the calling thread compute alone, and those that have not computed yet as well."""
    compute_with(1)
