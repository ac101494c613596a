"""python -m benchmarks capacity: how long questions wait and what they cost with so many workers, simulated.

The tokens a second are yours to measure: `python -m benchmarks engine` on your GPU and model tells them.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence

from benchmarks.capacity.simulation import Load, Outcome, WorkerSpeed, simulate
from local_server.platform.settings import PlatformSettings


def main(words: Sequence[str]) -> int:
    """Exit status 0."""
    options = _options(words)
    load = Load(options.per_minute, options.tokens, options.burst)
    speed = WorkerSpeed(
        options.tokens_per_s, options.tokens_per_s_alone or options.tokens_per_s, options.at_once, options.before,
        options.cold_start,
    )  # fmt: skip
    demanded = options.per_minute / 60 * options.tokens / options.tokens_per_s
    sys.stdout.write(
        f"{options.per_minute:g} questions a minute, {options.tokens:g} tokens an answer: {demanded:.2f} workers' work "
        f"in the mean, {options.hours:g} h simulated.\n\n"
        "| workers | waits p50 | p95 | p99 | whole answer p95 | cold starts | workers, mean | busy | an hour "
        "| 1,000 answers |\n"
        "|---|---|---|---|---|---|---|---|---|---|\n"
    )
    for most in options.workers:
        for least in sorted({min(options.min_workers, most), most}):
            platform = PlatformSettings(
                min_workers=least, max_workers=most, scaler=options.scaler, scaler_value=options.scaler_value,
                idle_timeout_s=options.idle_timeout,
            )  # fmt: skip
            outcome = simulate(load, speed, platform, options.hours, options.seed)
            sys.stdout.write(_row(f"{least} to {most}", outcome, options.hours, options.price) + "\n")
    return 0


def _row(workers: str, outcome: Outcome, hours: float, price: float) -> str:
    if outcome.left > 100 or len(outcome.totals_s) < 100:
        return f"| {workers} | too few: {outcome.left} questions still wait |||||||||"
    counted_h = hours * 0.9
    cost = outcome.worker_s / 3600 * price
    waits = statistics.quantiles(outcome.waits_s, n=100)
    return (
        f"| {workers} | {waits[49]:.1f} s | {waits[94]:.1f} s | {waits[98]:.1f} s "
        f"| {statistics.quantiles(outcome.totals_s, n=100)[94]:.1f} s | {outcome.cold_starts} "
        f"| {outcome.worker_s / 3600 / counted_h:.2f} | {outcome.busy_s / outcome.worker_s:.0%} "
        f"| {cost / counted_h:.2f} | {cost / len(outcome.totals_s) * 1000:.2f} |"
    )


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks capacity", description=__doc__)
    parser.add_argument("--per-minute", type=float, required=True, help="questions")
    parser.add_argument("--tokens", type=float, default=60, help="of an answer, in the mean")
    parser.add_argument("--burst", type=float, default=1, help="so many times as many questions, a minute of every ten")
    parser.add_argument("--tokens-per-s", type=float, required=True, help="of one worker that is busy")
    parser.add_argument("--tokens-per-s-alone", type=float, help="of one answer on a worker that does nothing else")
    parser.add_argument("--at-once", type=int, default=4, help="HANDLER_CONCURRENCY")
    parser.add_argument("--before", type=float, default=0.1, help="seconds until an answer's first token")
    parser.add_argument("--cold-start", type=float, default=30, help="seconds, of a worker")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 3, 4], help="most workers, to be compared")
    parser.add_argument("--min-workers", type=int, default=0)
    parser.add_argument("--scaler", choices=("queue_delay", "request_count"), default="queue_delay")
    parser.add_argument("--scaler-value", type=float, default=4)
    parser.add_argument("--idle-timeout", type=float, default=5, help="seconds")
    parser.add_argument("--price", type=float, default=0.0, help="of a worker, an hour")
    parser.add_argument("--hours", type=float, default=2, help="to simulate")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(words)
