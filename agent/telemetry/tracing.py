"""Traces (OpenTelemetry): what happens to one question, and where its time goes. Content is never in them.

Without an endpoint, or without OpenTelemetry installed, every span is nothing.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from agent.errors import AskError
from agent.load_errors import ConfigurationError
from agent.settings import Settings
from agent.telemetry import signals
from agent.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Tracer

Attributes = Mapping[str, str | int | float | bool | None]
Kind = Literal["internal", "server", "consumer"]

_SERVER_ERROR = 500
_LAST_S = 1.0
_tracer: "Tracer | None" = None


class Span:
    """One that may be nothing."""

    def __init__(self, real: Any = None) -> None:  # noqa: ANN401 - OpenTelemetry's span, which may not be installed
        self._real = real

    def set(self, attributes: Attributes) -> None:
        """Add attributes; those that are None are left out."""
        if self._real is not None:
            self._real.set_attributes({name: value for name, value in attributes.items() if value is not None})

    def event(self, name: str) -> None:
        """Something happened now."""
        if self._real is not None:
            self._real.add_event(name)

    def fail(self, kind: str, *, is_error: bool = True) -> None:
        """It ended with an error of this kind; of a caller's mistake only the kind is noted."""
        if self._real is not None:
            from opentelemetry.trace import Status, StatusCode

            self._real.set_attribute(signals.ERROR, kind)
            if is_error:
                self._real.set_status(Status(StatusCode.ERROR))


_NOTHING = Span()


def configure_tracing(settings: Settings) -> Callable[[], None]:
    """Send traces where the settings say; what is returned sends the last ones, for a second at most, and ends it.

    Raises:
        ConfigurationError: there is an endpoint, but OpenTelemetry is not installed.
    """
    if not settings.traces_endpoint:
        return lambda: None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigurationError("TRACES_ENDPOINT needs opentelemetry-sdk and its OTLP exporter.") from error
    return start(BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.traces_endpoint)))


def start(processor: "SpanProcessor") -> Callable[[], None]:
    """Give every span to `processor` from now on; what is returned ends that."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    global _tracer
    provider = TracerProvider(
        resource=Resource({"service.name": "askpod", "service.version": VERSION}), shutdown_on_exit=False
    )  # fmt: skip
    provider.add_span_processor(processor)
    _tracer = provider.get_tracer("askpod", VERSION, schema_url=signals.SCHEMA_URL)

    def stop() -> None:
        global _tracer
        _tracer = None
        # A collector that does not answer must not keep the process.
        last = threading.Thread(target=provider.shutdown, name="askpod-last-traces", daemon=True)
        last.start()
        last.join(_LAST_S)

    return stop


@contextmanager
def span(
    name: str, attributes: Attributes | None = None, *, kind: Kind = "internal", parent: str | None = None
) -> Iterator[Span]:  # fmt: skip
    """Around a piece of work; what runs in it, also in threads that take its context along, is its child.

    Args:
        name: one of `agent.telemetry.signals`.
        attributes: those that are None are left out.
        kind: server and consumer begin the work of this process.
        parent: a `traceparent` (W3C Trace Context) of another process; one that is malformed begins a new trace.
    """
    if _tracer is None:
        yield _NOTHING
        return
    from opentelemetry.trace import SpanKind

    given = {key: value for key, value in (attributes or {}).items() if value is not None}
    with _tracer.start_as_current_span(
        name, _context(parent), SpanKind[kind.upper()], given, record_exception=False, set_status_on_exception=False
    ) as real:
        current = Span(real)
        try:
            yield current
        except AskError as error:
            current.fail(error.code, is_error=error.status >= _SERVER_ERROR)
            raise
        except asyncio.CancelledError:
            current.fail("cancelled", is_error=False)
            raise
        except Exception as error:
            current.fail(type(error).__name__)
            raise


def traceparent() -> str | None:
    """The current span, as another process can take it for a parent; None outside a trace."""
    if _tracer is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")


def trace_id() -> str | None:
    """Of the current trace, as logs name it; None outside one."""
    if _tracer is None:
        return None
    from opentelemetry.trace import format_trace_id, get_current_span

    context = get_current_span().get_span_context()
    return format_trace_id(context.trace_id) if context.is_valid else None


def _context(parent: str | None) -> Any:  # noqa: ANN401 - OpenTelemetry's context
    if parent is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": parent})
