"""What the rounds come to: the lines of the table."""

from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.engine.loads import ASKERS, ASKERS_ON_A_GPU, askers_load
from benchmarks.engine.run import Result, Round

Measure = Callable[[Result], float | None]


def tokens_per_second(result: Result) -> float:
    """Of all jobs together."""
    return sum(timing.tokens for timing in result.timings) / result.wall


def decode_rate(result: Result) -> float | None:
    """Tokens per second behind the first one; median over the jobs."""
    return _median([(t.tokens - 1) / (t.total - t.first) for t in result.timings if t.first is not None])


def first_token(result: Result) -> float | None:
    """Seconds; median over the jobs."""
    return _median([timing.first for timing in result.timings if timing.first is not None])


def answer(result: Result) -> float | None:
    """Seconds of a whole job; median."""
    return _median([timing.total for timing in result.timings])


# Title, load, measure; digits behind the point.
LINES: tuple[tuple[str, str, Measure, int], ...] = (
    ("one at a time, 442 tokens in, 40 out: tokens/s behind the first", "one", decode_rate, 1),
    ("first token, s", "one", first_token, 2),
    ("whole answer, s", "one", answer, 2),
    ("the same, an answer that copies: tokens/s behind the first", "copying", decode_rate, 1),
    ("whole answer, s", "copying", answer, 2),
    ("16 at once, 442 in, 64 out, nothing shared: tokens/s", "sixteen", tokens_per_second, 1),
    ("first token, s", "sixteen", first_token, 2),
    ("128 at once, the same: tokens/s", "many", tokens_per_second, 1),
    ("first token, s", "many", first_token, 2),
    ("questions about documents, 16 at once: tokens/s", "documents", tokens_per_second, 1),
    ("first token, s", "documents", first_token, 2),
    ("first token of 640 tokens, s", "cold", first_token, 3),
    ("the same, 80 % read before, s", "hit", first_token, 3),
    ("adapters loaded, 16 at once, none used: tokens/s", "sixteen, none", tokens_per_second, 1),
    ("one adapter for all: tokens/s", "sixteen, one", tokens_per_second, 1),
    ("four adapters mixed: tokens/s", "sixteen, four", tokens_per_second, 1),
    ("questions about documents, with an adapter: tokens/s", "documents, one", tokens_per_second, 1),
    *(
        line
        for number in (*ASKERS, *ASKERS_ON_A_GPU)
        for line in (
            (f"{number} asking about documents at once: tokens/s", askers_load(number), tokens_per_second, 1),
            ("first token, s", askers_load(number), first_token, 2),
        )
    ),
)


def start(rounds: Sequence[Round], contestant: str) -> float | None:
    """Seconds from process start to the first answer; median."""
    return _median([one.start for one in rounds if one.contestant == contestant and one.start == one.start])


def figure(rounds: Sequence[Round], contestant: str, load: str, measure: Measure) -> float | None:
    """The median over the rounds."""
    values = [
        measure(result)
        for one in rounds if one.contestant == contestant
        for result in one.results if result.load == load
    ]  # fmt: skip
    return _median([value for value in values if value is not None])


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None
