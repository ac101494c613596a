"""What is seen while one waits."""

import io
import os

from rich.console import Console

from agent.ask.progress import Progress
from agent.schemas import DeltaEvent, SourcesEvent
from tests.agent.ask.test_clean import HOSTILE


def watched(text: str, *, terminal: bool, height: int = 25) -> str:
    stream = io.StringIO()
    console = Console(
        file=stream,
        force_terminal=terminal,
        width=40,
        height=height,
        color_system=None,
        _environ={**os.environ, "TERM": "xterm"},
    )
    with Progress(console) as progress:
        progress.note("Searching ...")
        progress.show(SourcesEvent(sources=[]))
        progress.show(DeltaEvent(text=text))
    return stream.getvalue()


def test_a_draft_is_seen_on_a_terminal_and_then_wiped_away() -> None:
    """The verified answer takes its place."""
    seen = watched("Port 8000", terminal=True)
    assert "Port 8000" in seen
    assert "\x1b[2K" in seen[seen.rindex("Port 8000") :]


def test_elsewhere_nothing_is_written() -> None:
    """A log or a pipe gets no moving pictures."""
    assert "" == watched("Port 8000", terminal=False).strip()


def test_of_a_long_draft_the_end_is_seen() -> None:
    """More lines than the screen has could not be wiped away."""
    seen = watched("\n".join(f"line {number}" for number in range(100)), terminal=True, height=10)
    assert ("line 99" in seen, "line 50" in seen) == (True, False)


def test_a_draft_gives_no_orders_to_the_terminal() -> None:
    """The model may copy them from a document."""
    seen = watched(HOSTILE, terminal=True)
    assert not {"\x07", "\x9b", "\u202e", "\x08"} & set(seen)
    assert "\x1b[2J" not in seen
