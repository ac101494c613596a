"""What an operator counts (Prometheus). Canonical log lines are counted where they are written: both say the same."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from agent.schemas import Timings, Usage

# Seconds; the first ones as OpenTelemetry has them for `http.server.request.duration`.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0, 120.0)

_COUNTED = CollectorRegistry()
_REQUESTS = Counter("askpod_requests", "Requests by what came of them", ["transport", "outcome"], registry=_COUNTED)
_DURATION = Histogram(
    "askpod_request_seconds", "Whole time of a request that got an answer", ["transport"], registry=_COUNTED,
    buckets=_SECONDS,
)  # fmt: skip
_PARTS = {
    name: Histogram(f"askpod_{metric}_seconds", meaning, registry=_COUNTED, buckets=_SECONDS)
    for name, metric, meaning in (
        ("queue_ms", "queue", "Waiting for the engine"),
        ("retrieval_ms", "retrieval", "Finding passages, the question's embedding included"),
        ("time_to_first_token_ms", "time_to_first_token", "From the question to the model's first token"),
        ("generation_ms", "generation", "The model's writing"),
    )
}
_TOKENS = Counter(
    "askpod_tokens", "Tokens of prompts, of those the cached ones, and of drafts", ["kind"], registry=_COUNTED
)

Gauges = Callable[[], Iterable[Metric]]


def count_outcome(transport: str, outcome: str) -> None:
    """One request, and what came of it: answered, abstained, cancelled, or the code of an error."""
    _REQUESTS.labels(transport, outcome).inc()


def count_work(transport: str, timings: Timings, usage: Usage) -> None:
    """What an answer took that was made for this request."""
    _DURATION.labels(transport).observe(timings.total_ms / 1000)
    for name, histogram in _PARTS.items():
        if (ms := getattr(timings, name)) is not None:
            histogram.observe(ms / 1000)
    for kind, tokens in usage.model_dump().items():
        _TOKENS.labels(kind.removesuffix("_tokens")).inc(tokens)


def gauge(name: str, meaning: str, values: Mapping[str, float] | float, label: str = "") -> Metric:
    """What is so now: one number, or one for each value of a label."""
    family = GaugeMetricFamily(f"askpod_{name}", meaning, labels=[label] if label else None)
    for key, value in values.items() if isinstance(values, Mapping) else [("", values)]:
        family.add_metric([key] if label else [], value)
    return family


def counter(name: str, meaning: str, values: Mapping[str, float] | float, label: str = "") -> Metric:
    """As `gauge`, of what only grows."""
    family = CounterMetricFamily(f"askpod_{name}", meaning, labels=[label] if label else None)
    for key, value in values.items() if isinstance(values, Mapping) else [("", values)]:
        family.add_metric([key] if label else [], value)
    return family


def exposition(gauges: Gauges) -> bytes:
    """Everything, in Prometheus' text format."""
    return generate_latest(_registry(gauges))


def listen(host: str, port: int, gauges: Gauges) -> None:
    """Serve the same on a port of its own, without a key, from a thread.

    Raises:
        OSError: the port is taken.
    """
    start_http_server(port, host, _registry(gauges))


class _All(Collector):
    def __init__(self, gauges: Gauges) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        yield from _COUNTED.collect()
        yield from self._gauges()


def _registry(gauges: Gauges) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_All(gauges))
    return registry
