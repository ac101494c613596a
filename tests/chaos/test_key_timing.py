"""Does the time of a refusal tell how much of a key was right?"""

import gc
import statistics
import time
from math import sqrt
from pathlib import Path
from random import Random
from typing import Any

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


class Leaky(Keys):
    """Compares byte for byte, and stops where they differ."""

    def __init__(self, secret: bytes) -> None:
        super().__init__([])
        self._secret = secret

    def find(self, scope: Any, *_more: Any) -> Key:
        for left, right in zip(scope["headers"][0][1], self._secret, strict=True):
            if left != right:
                break
        raise Unauthorized


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


def told_apart(keys: Keys, secret: str) -> float:
    """Welch's t of refusing keys that are right but for their last character, and keys that are wrong throughout."""
    draw = Random(7)  # noqa: S311
    close = secret[:-1].encode()
    # Made before and in the same way, as many of each, so that neither is warmer than the other.
    others = [key for _ in range(DIFFERENT) if not (key := new_secret()).endswith(secret[-1])]
    sent = {
        True: [close + other[-1:].encode() for other in others],
        False: [other[:-1].encode() + other[-1:].encode() for other in others],
    }
    times: dict[bool, list[int]] = {True: [], False: []}
    gc.disable()
    try:
        for _ in range(SAMPLES):
            is_close = draw.random() < 0.5
            times[is_close].append(refusal_ns(keys, draw.choice(sent[is_close])))
    finally:
        gc.enable()
    return welch_t(times[True], times[False])


def test_the_time_of_a_refusal_does_not_tell_how_close_a_key_was(tmp_path: Path, figure: Figures) -> None:
    """In random order; a comparison that stops where two keys differ is told apart by the same means."""
    file, secret = KeyFile(tmp_path / "keys.json"), new_secret()
    file.add(Key.of(secret.encode(), "ours"))
    found = told_apart(Keys([SecretStr(new_secret())], file), secret)
    control = told_apart(Leaky(secret.encode()), secret)
    figure(
        "time of refusing an almost right key and a wrong one",
        f"Welch's t = {found:+.2f} of {SAMPLES:,} refusals; of a comparison that stops early {control:+.0f}",
    )
    assert abs(found) < TOLD_APART < abs(control)
