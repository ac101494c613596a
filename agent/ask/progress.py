"""What happens while one waits, on a terminal; it leaves nothing behind, and elsewhere it is never shown."""

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.status import Status
from rich.text import Text

from agent.ask.clean import clean
from agent.schemas import AskEvent, DeltaEvent, SourcesEvent, StatusEvent

if TYPE_CHECKING:
    from agent.loading import Loaded
    from agent.runtime import Loader
    from agent.settings import Settings
    from agent.telemetry.clock import Phase

LOADING = "Loading the models and the index ..."
_FRAMES_PER_S = 12
# The line that says what is done, and one that stays free.
_OTHER_LINES = 3


def showing(status: Status, load: "Loader") -> "Loader":
    """The same loader, with the part that is done on the status line."""

    def loader(settings: "Settings", phase: "Phase") -> "Loaded":
        def shown(name: str, ms: float) -> None:
            phase(name, ms)
            status.update(f"{LOADING} {name}: done in {ms / 1000:.1f} s")

        return load(settings, shown)

    return loader


class Progress:
    """A line that says what is done, and under it the draft as it is written. Use it as a context manager."""

    def __init__(self, console: Console) -> None:
        self._spinner = Spinner("dots", "Asking ...", style="green")
        self._draft = ""
        seen = console.is_terminal and not console.is_dumb_terminal
        self._live = Live(self, console=console, transient=True, refresh_per_second=_FRAMES_PER_S) if seen else None

    def note(self, words: str) -> None:
        """Say what the question waits for."""
        self._spinner.update(text=Text(words))

    def show(self, event: AskEvent) -> None:
        """Say what has happened."""
        if isinstance(event, DeltaEvent):
            self.note("Writing a draft, to be verified ...")
            self._draft += event.text
        elif isinstance(event, SourcesEvent):
            # Where a lost worker's question was begun anew, its draft is, too.
            self._draft = ""
            self.note(f"Reading {len(event.sources)} passages ...")
        elif isinstance(event, StatusEvent) and event.step.name == "answerer":
            self.note("Verifying ...")

    def __enter__(self) -> "Progress":
        if self._live is not None:
            self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The line, and as much of the end of the draft as fits the screen."""
        yield self._spinner
        lines = Text(clean(self._draft), style="dim").wrap(console, options.max_width)
        yield from lines[-max(1, console.height - _OTHER_LINES) :]
