"""Structured logs: JSON lines in production, colours on a terminal, one canonical line per request.

What other libraries log through the standard library goes through the same renderer, so a log is one JSON object per
line, whoever wrote it.
"""

import logging
import sys
from typing import TextIO

import structlog

from agent.settings import Settings

_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    lambda _logger, _name, event: {key: value for key, value in event.items() if key != "color_message"},  # uvicorn's
]

# Local variables would put questions and keys into the log.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def configure_logging(settings: Settings, stream: TextIO = sys.stderr) -> None:
    """Send every log line of the process to `stream`, in the format and from the level that the settings name."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not stream.isatty())
    renderer: list[structlog.typing.Processor] = (
        [_TRACEBACKS, structlog.processors.JSONRenderer(ensure_ascii=True)]
        if as_json
        else [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    # They log every request and every file they open, at INFO.
    for noisy in ("httpx", "httpcore", "sentence_transformers", "faiss", "bm25s", "asyncio", "urllib3"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def get_logger() -> structlog.stdlib.BoundLogger:
    """The logger of every module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("askpod")
    return logger
