"""Does the time of a refusal tell how much of a key was right?"""

import gc
import statistics
import time
from math import sqrt
from pathlib import Path
from random import Random

import pytest
from pydantic import SecretStr

from agent.errors import Unauthorized
from local_server.auth import Keys
from local_server.keys import Key, KeyFile, new_secret
from tests.chaos.conftest import Figures

pytestmark = pytest.mark.chaos

SAMPLES = 200_000
DIFFERENT = 1_000
# Above this the two are told apart (Reparaz, Balasch, Verbauwhede: Dude, is my code constant time?, 2017).
TOLD_APART = 4.5


def refusal_ns(keys: Keys, key: bytes) -> int:
    scope = {"headers": [(b"x-api-key", key)]}
    began = time.perf_counter_ns()
    try:
        keys.find(scope)
    except Unauthorized:
        return time.perf_counter_ns() - began
    raise AssertionError


def welch_t(left: list[int], right: list[int]) -> float:
    """Welch's t of two samples, without their slowest twentieth, which is the machine's."""
    cut = statistics.quantiles(left + right, n=20)[-1]
    left, right = [one for one in left if one < cut], [one for one in right if one < cut]
    spread = statistics.variance(left) / len(left) + statistics.variance(right) / len(right)
    return (statistics.fmean(left) - statistics.fmean(right)) / sqrt(spread)


def test_the_time_of_a_refusal_does_not_tell_how_close_a_key_was(tmp_path: Path, figure: Figures) -> None:
    """Keys that are right but for their last character, and keys that are wrong throughout, in random order."""
    file, secret = KeyFile(tmp_path / "keys.json"), new_secret()
    file.add(Key.of(secret.encode(), "ours"))
    keys, draw = Keys([SecretStr(new_secret())], file), Random(7)  # noqa: S311
    close = secret[:-1].encode()
    # Made before and in the same way, as many of each, so that neither is warmer than the other.
    others = [new_secret().encode() for _ in range(DIFFERENT)]
    sent = {
        True: [close + other[-1:] for other in others if other[-1:] != secret[-1:].encode()],
        False: [other[:-1] + other[-1:] for other in others],
    }
    times: dict[bool, list[int]] = {True: [], False: []}
    gc.disable()
    try:
        for _ in range(SAMPLES):
            is_close = draw.random() < 0.5
            times[is_close].append(refusal_ns(keys, draw.choice(sent[is_close])))
    finally:
        gc.enable()
    found = welch_t(times[True], times[False])
    figure("time of refusing an almost right key and a wrong one", f"Welch's t = {found:+.2f} of {SAMPLES:,} refusals")
    assert abs(found) < TOLD_APART
