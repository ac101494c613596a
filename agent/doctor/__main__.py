"""python -m agent.doctor: is everything there that the settings name, and does it fit this machine?"""

import sys

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.doctor.checks import CHECKS
from agent.doctor.finding import Finding, Level
from agent.doctor.machine import Machine
from agent.settings import Settings, explain
from agent.telemetry.logs import configure_logging

_COLOURS = {Level.OK: "green", Level.SKIPPED: "dim", Level.WARNING: "yellow", Level.ERROR: "red"}


def main() -> int:
    """Exit status: 0 when Askpod would answer, 1 when something keeps it from that, 2 when a setting is not valid."""
    try:
        settings = Settings()
    except ValidationError as failure:
        sys.stderr.write(explain(failure))
        return 2
    configure_logging(settings.model_copy(update={"log_level": "ERROR"}))
    with Console(stderr=True).status("Looking ..."):
        machine = Machine.here()
        found = [finding for check in CHECKS for finding in check(settings, machine)]
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(_table(found))
    else:
        # A line each, however long, for whoever reads it with a program.
        sys.stdout.writelines(f"{_line(finding)}\n" for finding in found)
    return int(any(finding.level is Level.ERROR for finding in found))


def _line(finding: Finding) -> str:
    return f"{finding.level.value:8} {finding.subject:16} {finding.text} {finding.remedy}".rstrip()


def _table(found: list[Finding]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for finding in found:
        text = f"{finding.text} {finding.remedy}".strip()
        table.add_row(Text(finding.level.value, _COLOURS[finding.level]), finding.subject, text)
    return table


if __name__ == "__main__":
    sys.exit(main())
