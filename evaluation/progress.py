"""The progress bars of the commands."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from evaluation.run import Progress


@contextmanager
def progress_bars(console: Console) -> Iterator[Progress]:
    """Show one bar for each name that is reported."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console) as bar:
        tasks = {}

        def report(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=total)
            # An article at a time: done is back at 1 with another total.
            bar.update(tasks[name], completed=done, total=total)

        yield report
