"""Many generations in one loop say what each says alone under transformers' own generate, and nobody is forgotten."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.engine.base import Sampling
from agent.engine.runner import Runner
from agent.engine.scores import Scores
from agent.engine.step import Span
from agent.errors import AskError, DeadlineExceeded, GenerationFailed
from tests.agent.engine.tiny import ADAPTERS, BLOCK, MOST, Asked, Bench, NoText, assert_rounding_only, said, settled

_DRAW = random.Random(3)  # noqa: S311
_BEGINNINGS = [tuple(_DRAW.randrange(97) for _ in range(length)) for length in (1, 2, 17, 40)]
# Some share a beginning, some repeat themselves.
PROMPTS = [
    *_BEGINNINGS,
    *(beginning + (number,) * 3 for beginning in _BEGINNINGS for number in (5, 6)),
    *(tuple(_DRAW.randrange(97) for _ in range(length)) for length in (3, 8, 9, 16, 33, 60)),
    (1, 2, 3, 4, 5) * 6,
]
LEAST_BLOCKS = -(-(max(map(len, PROMPTS)) + MOST) // BLOCK)


@dataclass(frozen=True)
class Request:
    """What is asked, after how many tokens of all others, and after how many of its own nobody waits any more."""

    prompt: tuple[int, ...]
    adapter: str | None
    most: int
    comes_after: int
    leaves_after: int | None
    late: bool


REQUESTS = st.builds(
    Request, prompt=st.sampled_from(PROMPTS), adapter=st.sampled_from([None, *ADAPTERS]), most=st.integers(1, MOST),
    comes_after=st.integers(0, 60), leaves_after=st.none() | st.none() | st.integers(1, 12),
    late=st.sampled_from([False, False, False, True]),
)  # fmt: skip
SCHEDULES = st.lists(REQUESTS, min_size=1, max_size=16)
LIMITS = st.fixed_dictionaries({
    "blocks": st.integers(LEAST_BLOCKS, 60), "step_tokens": st.integers(1, 80), "most_running": st.integers(1, 16),
    "drafts": st.booleans(), "whole": st.booleans(),
})  # fmt: skip


def play_alone(schedule: list[Request], limits: dict[str, int]) -> None:
    """On a loop of its own."""
    bench = Bench(**limits)  # type: ignore[arg-type]
    try:
        play(bench, schedule)
    finally:
        bench.close()


def play(bench: Bench, schedule: list[Request]) -> None:
    """Every request comes and leaves when it is to; each says what it would alone."""
    waiting = sorted(schedule, key=lambda one: one.comes_after)
    asked: list[tuple[Request, Asked]] = []
    seen = 0

    def submit(most_seen: float) -> None:
        while waiting and waiting[0].comes_after <= most_seen:
            one = waiting.pop(0)

            def on_token(own: Asked, one: Request = one) -> None:
                nonlocal seen
                seen += 1
                submit(seen)
                if one.leaves_after is not None and len(own.tokens) == one.leaves_after:
                    own.request.cancelled = True

            deadline = time.monotonic() if one.late else None
            known = Asked.__new__(Asked)
            asked.append((one, known))
            known.__init__(bench, one.prompt, one.adapter, Sampling(one.most), on_token, deadline, b"")  # type: ignore[misc]

    submit(0)
    done = 0
    while done < len(asked) or waiting:
        if done == len(asked):  # everybody has left before the next one was to come
            submit(waiting[0].comes_after)
        one, known = asked[done]
        done += 1
        expected = list(said(one.prompt, one.adapter)[: one.most])
        if one.late:
            with pytest.raises(DeadlineExceeded):
                known.wait()
            assert [] == known.tokens
        elif one.leaves_after is not None and one.leaves_after < one.most:
            continue
        else:
            assert expected == known.wait()
    settled(bench)
    for one, known in asked:
        assert known.tokens == list(said(one.prompt, one.adapter)[: len(known.tokens)])


@settings(max_examples=30)
@given(schedule=SCHEDULES, limits=LIMITS)
def test_any_schedule_gives_the_tokens_of_generate(schedule: list[Request], limits: dict[str, int]) -> None:
    """Arriving, leaving and late at any step, with any mixture of adapters, in any little memory, sequences in one
    piece of it or not.
    """
    play_alone(schedule, limits)


@pytest.mark.slow
@settings(max_examples=1000)
@given(schedule=SCHEDULES, limits=LIMITS)
def test_a_thousand_schedules_leak_nothing(schedule: list[Request], limits: dict[str, int]) -> None:
    """No block is lost and nobody waits for ever."""
    play_alone(schedule, limits)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


@pytest.mark.parametrize("count", range(1, 17))
def test_a_batch_of_any_size_gives_the_tokens_of_generate(bench: Bench, count: int) -> None:
    """Prompts of mixed lengths, adapters in turn."""
    cases = [(PROMPTS[at % len(PROMPTS)], (None, *ADAPTERS)[at % 4]) for at in range(count)]
    asked = [bench.ask(*case) for case in cases]
    assert [list(said(*case)) for case in cases] == [one.wait() for one in asked]


@pytest.mark.parametrize("drafts", [True, False])
def test_bfloat16_differs_from_generate_by_rounding_only(drafts: bool) -> None:
    """Where a token is another one, `generate` had both within the rounding of their logits at that place."""
    bench = Bench(dtype=torch.bfloat16, drafts=drafts)
    try:
        assert_rounding_only(bench, [(PROMPTS[at % len(PROMPTS)], (None, *ADAPTERS)[at % 4]) for at in range(32)])
    finally:
        bench.close()


def test_what_others_left_in_the_cache_does_not_matter() -> None:
    """Not even numbers that are none, as a broken adapter leaves them."""
    bench = Bench(left_behind=float("nan"))
    try:
        cases = [(prompt, (None, *ADAPTERS)[at % 4]) for at, prompt in enumerate(PROMPTS)]
        asked = [bench.ask(*case) for case in cases]
        assert [list(said(*case)) for case in cases] == [one.wait() for one in asked]
    finally:
        bench.close()


def test_a_prompt_that_was_read_before_is_not_read_again(bench: Bench) -> None:
    """In whole blocks, and never its last token; another adapter or another salt reads it itself."""
    prompt = PROMPTS[3]
    assert 0 == finished(bench.ask(prompt)).cached_tokens
    assert (len(prompt) - 1) // BLOCK * BLOCK == finished(bench.ask(prompt)).cached_tokens
    for other in (bench.ask(prompt, "a"), bench.ask(prompt, salt=b"another caller")):
        assert 0 == finished(other).cached_tokens


def finished(asked: Asked) -> Asked:
    asked.wait()
    return asked


def test_a_seed_gives_the_same_tokens_whatever_runs_beside(bench: Bench) -> None:
    """And whether guesses are checked along or not."""
    warm = Sampling(MOST, temperature=1.0, top_p=0.9, top_k=40, seed=5)
    alone = bench.ask(PROMPTS[5], "a", warm).wait()
    crowd = [bench.ask(prompt, adapter) for prompt in PROMPTS[:6] for adapter in (None, "b")]
    assert alone == bench.ask(PROMPTS[5], "a", warm).wait()
    assert alone != bench.ask(PROMPTS[5], "a", Sampling(MOST, temperature=1.0, seed=6)).wait()
    for one in crowd:
        one.wait()
    plain = Bench(drafts=False)
    try:
        assert alone == plain.ask(PROMPTS[5], "a", warm).wait()
    finally:
        plain.close()


def test_only_allowed_tokens_are_picked(bench: Bench) -> None:
    """The likeliest of them, greedily."""
    allowed = frozenset({3, 50, 96})
    assert set(bench.ask(PROMPTS[4], None, Sampling(MOST, allowed=allowed)).wait()) <= allowed


class Stumbling(Runner):
    """Fails the step in which a certain token comes up, once or always."""

    def __init__(self, runner: Runner, error: Exception, *, always: bool = False) -> None:
        self._runner = runner
        self._error = error
        self._always = always
        self.failed = 0

    def run(self, spans: Sequence[Span], meanwhile: Callable[[], None]) -> Scores:
        if (self._always or not self.failed) and any(13 in span.tokens for span in spans):
            self.failed += 1
            raise self._error
        return self._runner.run(spans, meanwhile)


def test_a_failed_step_fails_its_own_generations_only() -> None:
    """The loop goes on, and nothing of theirs stays behind."""
    bench = Bench(wrap=lambda runner: Stumbling(runner, ValueError("boom")))
    try:
        with pytest.raises(GenerationFailed):
            bench.ask([13, 1, 2]).wait()
        assert list(said(PROMPTS[2], None)) == bench.ask(PROMPTS[2]).wait()
        assert bench.loop.alive()
        settled(bench)
    finally:
        bench.close()


def test_a_step_that_is_too_large_for_the_memory_is_made_smaller() -> None:
    """Nobody fails for it."""
    bench = Bench(wrap=lambda runner: Stumbling(runner, torch.OutOfMemoryError("CUDA out of memory")))
    try:
        prompt = (13, *PROMPTS[2])
        assert list(said(prompt, None)) == bench.ask(prompt).wait()
    finally:
        bench.close()


def test_what_is_copied_for_a_step_is_copied_when_it_is_made_again() -> None:
    """Of a prompt of which only the last token is not in the cache; nothing else is in its blocks before."""
    error = torch.OutOfMemoryError("CUDA out of memory")
    bench = Bench(whole=True, left_behind=float("nan"), wrap=lambda runner: Stumbling(runner, error))
    try:
        beginning = (1, 2, 3, 4, 5, 6, 7, 8) * (16 // BLOCK)
        bench.ask((*beginning, 5)).wait()
        asked = bench.ask((*beginning, 13))
        assert list(said((*beginning, 13), None)) == asked.wait()
        assert len(beginning) == asked.cached_tokens
        settled(bench)
    finally:
        bench.close()


@pytest.mark.parametrize("stop", [(), ("never",)])
def test_who_has_no_text_fails_once(stop: tuple[str, ...]) -> None:
    """Whoever comes afterwards is answered."""

    class Broken(NoText):
        def add(self, token_id: int) -> tuple[str, bool]:
            raise ValueError(token_id)

    bench = Bench()
    try:
        asked = bench.ask(PROMPTS[2], sampling=Sampling(MOST, stop=stop), text=Broken())
        with pytest.raises(GenerationFailed):
            asked.wait()
        assert list(said(PROMPTS[3], None)) == bench.ask(PROMPTS[3]).wait()
        assert [] == asked.tokens
        settled(bench)
    finally:
        bench.close()


def test_a_broken_device_ends_the_loop() -> None:
    """Whoever waits is told, and whoever comes later as well."""
    error = RuntimeError("CUDA error: an illegal memory access was encountered")
    bench = Bench(wrap=lambda runner: Stumbling(runner, error))
    with pytest.raises(GenerationFailed):
        bench.ask([13, 1, 2]).wait()
    deadline = time.monotonic() + 10
    while bench.loop.alive() and time.monotonic() < deadline:
        time.sleep(0.001)
    with pytest.raises(AskError):
        bench.ask([1, 2])


def test_a_hanging_step_shows() -> None:
    """The loop is not alive while it hangs."""

    class Hanging(Stumbling):
        def run(self, spans: Sequence[Span], meanwhile: Callable[[], None]) -> Scores:
            time.sleep(0.5)
            return self._runner.run(spans, meanwhile)

    bench = Bench(wrap=lambda runner: Hanging(runner, ValueError()), hung_s=0.1)
    asked = bench.ask(PROMPTS[2], sampling=Sampling(1))
    time.sleep(0.3)
    assert not bench.loop.alive()
    asked.wait()
    bench.close()


def test_closing_tells_those_who_wait(bench: Bench) -> None:
    """No generation is left without an end."""
    asked = [bench.ask(prompt) for prompt in PROMPTS]
    bench.close()
    ends = 0
    for one in asked:
        try:
            one.wait()
        except GenerationFailed:
            ends += 1
    assert ends > 0
