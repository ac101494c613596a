"""Asks the models in this process."""

import os
import signal
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from types import FrameType
from typing import NoReturn, cast

from rich.console import Console

from agent.ask.asker import Note
from agent.ask.failure import INTERRUPTED, Failure
from agent.ask.progress import LOADING, showing
from agent.errors import AskError, ModelUnavailable
from agent.loading import load
from agent.runtime import Loader, Runtime
from agent.schemas import AskEvent, AskRequest
from agent.settings import Settings
from agent.telemetry.request_line import Caller
from agent.telemetry.tracing import configure_tracing


class LocalAsker:
    """What the settings name, loaded once; it says on the console how far loading is.

    Raises:
        Failure: it could not be loaded; `detail` says why.
        ConfigurationError: as `configure_tracing`.
    """

    def __init__(self, settings: Settings, console: Console, request_id: str, loader: Loader = load) -> None:
        self._stop_tracing = configure_tracing(settings)
        with _leaving_at_once(console), console.status(LOADING) as status:
            self._runtime = Runtime(settings, showing(status, loader))
            loaded = self._runtime.load()
        if not loaded:
            self._end()
            why = self._runtime.health()["error"]
            raise Failure.of(ModelUnavailable(f"{why['message']} {why['remedy']}", reason=why["code"]), request_id)

    async def ask(self, request: AskRequest, request_id: str, note: Note) -> AsyncGenerator[AskEvent, None]:
        """As `Asker.ask`."""
        note("Searching ...")
        try:
            events = self._runtime.ask(request, Caller(request_id=request_id, transport="cli"))
            async with aclosing(cast(AsyncGenerator[AskEvent, None], events)) as opened:
                async for event in opened:
                    yield event
        except AskError as error:
            raise Failure.of(error, request_id) from error

    async def close(self) -> None:
        """As `Asker.close`."""
        self._end()

    def _end(self) -> None:
        self._runtime.close()
        self._stop_tracing()


@contextmanager
def _leaving_at_once(console: Console) -> Iterator[None]:
    """Ctrl-C while the models load. An exception would be lost in an import, or wait for the threads that load."""

    def leave(_signal: int, _frame: FrameType | None) -> NoReturn:
        console.show_cursor(True)
        os._exit(INTERRUPTED)

    before = signal.getsignal(signal.SIGINT)
    # A shell that starts a command in the background has it ignore Ctrl-C.
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
