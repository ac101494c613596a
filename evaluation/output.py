"""Writes a report: figures, tables and two pictures in a folder, and the same tables to a terminal."""

import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console, Group
from rich.table import Table as RichTable
from rich.text import Text

from evaluation.report import Report
from evaluation.tables import Table, tables


def write_report(report: Report, folder: Path) -> list[Path]:
    """Write `report.json` and `report.md`, and, where matplotlib is, `report.png` and `quality.png`; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / name for name in ("report.json", "report.md", "report.png", "quality.png")]
    report.write_json(files[0])
    if importlib.util.find_spec("matplotlib") is None:
        files[1].write_text(markdown(report), encoding="utf-8")
        return files[:2]
    # They import matplotlib, a development requirement.
    from evaluation.plots import draw
    from evaluation.quality import draw_quality

    files[1].write_text(markdown(report, picture=files[2].name), encoding="utf-8")
    draw(report, files[2])
    draw_quality([report], files[3])
    return files


def show(report: Report, console: Console) -> None:
    """Print the report's tables."""
    show_tables(tables(report), report.notes, console)


def show_tables(shown: Iterable[Table], notes: Sequence[str], console: Console) -> None:
    """Print tables, and notes below them."""
    console.print(Group(*(_rich(table) for table in shown), *(Text(f"- {note}") for note in notes)))


def markdown(report: Report, picture: str | None = None) -> str:
    """The report as Markdown, with the picture of its plots on top."""
    return markdown_of("Evaluation", tables(report), report.notes, picture)


def markdown_of(title: str, shown: Iterable[Table], notes: Sequence[str], picture: str | None = None) -> str:
    """Tables as Markdown, with a picture on top and notes at the end."""
    parts = [f"# {title}", *([f"![Plots of this evaluation]({picture})"] if picture else [])]
    parts += ["\n".join(_markdown(table)) for table in shown]
    if notes:
        parts.append("\n".join(("## Notes", "", *(f"- {_cell(note)}" for note in notes))))
    return "\n\n".join(parts) + "\n"


def _markdown(table: Table) -> Iterator[str]:
    yield f"## {table.title}"
    yield ""
    yield _row(table.columns)
    # The first column names the row; numbers read best from the right.
    yield _row(("---", *("---:" for _ in table.columns[1:])) if len(table.columns) > 2 else ("---", "---"))
    yield from (_row(row) for row in table.rows)
    if table.note:
        yield ""
        yield table.note


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _rich(table: Table) -> RichTable:
    made = RichTable(title=table.title, caption=table.note or None, title_justify="left", caption_justify="left")
    for index, name in enumerate(table.columns):
        made.add_column(Text(name), justify="right" if index and len(table.columns) > 2 else "left", overflow="fold")
    for row in table.rows:
        made.add_row(*(Text(cell) for cell in row))
    return made
