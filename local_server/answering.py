"""What the routes ask: a runtime in this process, or one behind the queue."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Protocol

from prometheus_client.metrics_core import Metric

from agent.chat import Models
from agent.schemas import Answer, AskEvent, AskRequest
from agent.settings import Settings
from agent.telemetry.request_line import Caller


class Answering(Protocol):
    """As `agent.runtime.Runtime`, which is one."""

    settings: Settings

    @property
    def ready(self) -> bool:
        """Whether a question would be answered."""

    @property
    def started(self) -> bool:
        """Whether a question would have been answered once."""

    @property
    def running(self) -> int:
        """Questions that are being answered."""

    def gauges(self) -> Iterator[Metric]:
        """What the metrics say of the moment."""

    def health(self) -> dict[str, Any]:
        """The body of `GET /health`."""

    def keep_loading(self) -> object:
        """Begin to load, in the background."""

    def drain(self) -> None:
        """Take no more questions; those that run go on."""

    def close(self) -> None:
        """Free what was loaded."""

    async def models(self) -> Models:
        """What can be asked, by name; raises AskError."""

    async def answer(self, request: AskRequest, caller: Caller) -> Answer:
        """The whole answer; raises AskError."""

    def ask(self, request: AskRequest, caller: Caller) -> AsyncIterator[AskEvent]:
        """The events, the whole answer last; raises AskError."""
