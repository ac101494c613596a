"""What the metrics say of the engine at the moment."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from agent.engine.base import EngineStats
from agent.telemetry.metrics import counter, gauge


def engine_gauges(stats: EngineStats) -> Iterator[Metric]:
    """Of the engine: what it does, and how many of its guesses were right."""
    generations = {"running": stats.running, "waiting": stats.waiting, "capacity": stats.capacity}
    yield gauge("generations", "Answers that the engine writes", generations, "what")
    yield counter("generated_tokens", "Tokens that the engine has made", stats.generated_tokens)
    wrong = stats.guessed - stats.guessed_right
    guesses = {"right": stats.guessed_right, "wrong": wrong}
    yield counter("guessed_tokens", "Tokens that were guessed from the prompt", guesses, "outcome")
