"""The picture of answer quality: what is found and what is answered rightly, of one report or of several."""

from collections.abc import Sequence
from pathlib import Path

from evaluation.curves import precision_plot, recall_plot
from evaluation.look import Grid, prepare, say_missing, sheet
from evaluation.plots import conditions_of, name_of
from evaluation.report import Report

_GRID = Grid(rows=1, columns=2, height=2.5)
_LANGUAGES = {"en": "English", "es": "Spanish"}
_SYSTEM = "fused"


def draw_quality(reports: Sequence[Report], path: Path) -> None:
    """Write the picture as PNG: a line for each report, or, of a single one, for each way of searching."""
    # Of a file in two languages neither is its name, so languages tell reports apart only where there are several.
    named = {(name_of if len(reports) == 1 else _languages)(report): report for report in reports}
    systems = {name: each.retrieval[_SYSTEM] for name, each in named.items() if _SYSTEM in each.retrieval}
    sections = {name: each.abstention for name, each in named.items() if each.abstention}
    with sheet(path, _title(reports), _caption(reports), _GRID) as (_, (found, answered)):
        for ax in (found, answered):
            prepare(ax)
        if not recall_plot(found, reports[0].retrieval if len(reports) == 1 else systems):
            say_missing(found)
        if not precision_plot(answered, sections):
            say_missing(answered)


def _languages(report: Report) -> str:
    """What tells one report from the others: the languages."""
    about = report.dataset
    if about is None:
        return name_of(report)
    asked, searched = _LANGUAGES[about.question_language], _LANGUAGES[about.language]
    return asked if asked == searched else f"{asked} in {searched}"


def _title(reports: Sequence[Report]) -> str:
    return f"Answer quality on {' and '.join(dict.fromkeys(name_of(report) for report in reports))}"


def _caption(reports: Sequence[Report]) -> str:
    found = [conditions_of(report.environment) for report in reports if report.environment]
    return "  ·  ".join(dict.fromkeys(part for one in found for part in one.split("  ·  ")))
