"""Structured logs: JSON lines in production, colours on a terminal, one canonical line per request.

What other libraries log through the standard library goes through the same renderer, so a log is one JSON object per
line, whoever wrote it.
"""

import json
import logging
import os
import re
import sys
from typing import Any, TextIO

import structlog

from agent.errors import MOST_DETAIL
from agent.settings import Settings

_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    lambda _logger, _name, event: {key: value for key, value in event.items() if key != "color_message"},  # uvicorn's
]

# Of the environment: what others have put there for this process.
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)
# A shorter one would be found in words that are no secret.
_LEAST_SECRET = 8

# Local variables would put questions and keys into the log.
_TRANSFORMED = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


def _exceptions(exc_info: structlog.typing.ExcInfo) -> list[dict[str, Any]]:
    """As structlog has them; of what each says only the beginning: what follows may be a question or a document."""
    found = _TRANSFORMED(exc_info)
    for one in found:
        one["exc_value"] = str(one["exc_value"])[:MOST_DETAIL]
    return found


_TRACEBACKS = structlog.processors.ExceptionRenderer(_exceptions)


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
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer, _Redactor(settings)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    # They log every request and every file they open, at INFO.
    for noisy in ("httpx", "httpcore", "sentence_transformers", "faiss", "bm25s", "asyncio", "urllib3"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


class _Redactor:
    """The last processor: whatever a line says, and whoever wrote it, no secret of this process is in it."""

    def __init__(self, settings: Settings) -> None:
        known = [key.get_secret_value() for key in (*settings.api_keys, settings.hf_token)]
        known += [value for name, value in os.environ.items() if _SECRET_NAME.search(name)]
        secrets = {value for value in known if len(value) >= _LEAST_SECRET}
        # As they stand in a line of JSON, too.
        secrets |= {json.dumps(value)[1:-1] for value in secrets}
        # The longest first: one may begin with another.
        words = map(re.escape, sorted(secrets, key=len, reverse=True))
        self._secrets = re.compile("|".join(words)) if secrets else None

    def __call__(self, _logger: object, _name: str, event: object) -> str:
        line = str(event)
        return line if self._secrets is None else self._secrets.sub("[redacted]", line)


def get_logger() -> structlog.stdlib.BoundLogger:
    """The logger of every module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("askpod")
    return logger
