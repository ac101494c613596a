"""One picture of a report: six plots, each saying in its title what it shows."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from evaluation.curves import precision_plot, recall_plot, roc_plot
from evaluation.environment import Environment
from evaluation.look import BLUE, GREEN, INK, RED, SKY, Grid, colour, head, label, legend, prepare, say_missing, sheet
from evaluation.metrics import Reliability
from evaluation.report import AnswerScores, LatencyScores, Report
from evaluation.tables import milliseconds, score

_GRID = Grid(rows=3, columns=2, height=2.35)
_NAME_LETTERS = 40
_ANSWER_METRICS = {
    "em": "exact\nmatch",
    "f1": "F1",
    "contains_gold": "contains a\ngold answer",
    "answered_share": "answered",
}


def draw(report: Report, path: Path) -> None:
    """Write the picture as PNG. A plot whose section is missing says so."""
    plots: tuple[Callable[[Axes, Report], bool], ...] = (
        lambda ax, found: recall_plot(ax, found.retrieval),
        lambda ax, found: precision_plot(ax, {name_of(found): found.abstention} if found.abstention else {}),
        roc_plot,
        _reliability_plot,
        _latency_plot,
        _answers_plot,
    )
    with sheet(path, _title(report), _caption(report), _GRID) as (_, axes):
        for ax, plot in zip(axes, plots, strict=True):
            prepare(ax)
            if not plot(ax, report):
                say_missing(ax)


def name_of(report: Report) -> str:
    """What was asked, short enough for a picture."""
    name = report.dataset.name if report.dataset else "answers"
    return name if len(name) <= _NAME_LETTERS else f"{name[: _NAME_LETTERS - 1]}…"


def conditions_of(found: Environment) -> str:
    """Where, when and with which command it was measured."""
    machine = f"{found.cpu or 'CPU'}, {found.cores} cores{f', {found.gpu}' if found.gpu else ''}"
    return "  ·  ".join((machine, found.date[:10], found.command))


def _title(report: Report) -> str:
    found = report.dataset
    if found is None:
        return "Askpod evaluation"
    return f"{name_of(report)}: {found.questions:,} questions, {found.passages:,} passages"


def _caption(report: Report) -> str:
    parts = []
    if report.dataset:
        parts.append(f"questions in {report.dataset.question_language}, passages in {report.dataset.language}")
    if found := report.environment:
        parts += [f"embedder {found.embedder}"] if found.embedder else []
        parts.append(conditions_of(found))
    return "  ·  ".join(parts)


def _reliability_plot(ax: Axes, report: Report) -> bool:
    found = report.calibration
    numbers = f"ECE {score(found.ece)}, Brier {score(found.brier)}; " if found else ""
    head(ax, "Confidence: how often it is right", f"{numbers}above each bar: answers")
    if found:
        _bins(ax, found)
        ax.plot([0, 1], [0, 1], color=INK, linewidth=1.0, linestyle=(0, (4, 4)), label="as sure as right")
        ax.set(xlim=(0, 1), ylim=(0, 1.1), yticks=[0, 0.2, 0.4, 0.6, 0.8, 1.0])
        label(ax, "confidence", "share that is right")
        legend(ax, "upper left")
    return found is not None


def _bins(ax: Axes, found: Reliability) -> None:
    for one in found.bins:
        if one.confidence is None or one.accuracy is None:
            continue
        middle, width = (one.lower + one.upper) / 2, one.upper - one.lower
        ax.bar(middle, one.accuracy, width * 0.9, color=SKY, alpha=0.85)
        (dot,) = ax.plot(one.confidence, one.accuracy, "o", color=BLUE, markersize=5.5, markeredgecolor="white")
        dot.set(zorder=4, clip_on=False)
        place = (middle, one.accuracy)
        number = ax.annotate(f"{one.count:,}", place, (0, 6), textcoords="offset points", ha="center", fontsize=8)
        number.set(color=INK, zorder=5, bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8})


def _latency_plot(ax: Axes, report: Report) -> bool:
    drawn = [name for name, each in report.latency.items() if each.counts]
    step = "total" if "total" in drawn else next(iter(drawn), None)
    others = {name: each for name, each in report.latency.items() if name != step}
    head(ax, f"Latency: {step or 'of a question'}", _percentiles_of(others) or "Time from the question to the answer")
    if step is not None:
        _histogram(ax, report.latency[step])
    return step is not None


def _percentiles_of(steps: Mapping[str, LatencyScores]) -> str:
    """The steps that are not drawn, in words."""
    lines = (f"{name} p50 {milliseconds(each.p50)}, p95 {milliseconds(each.p95)}" for name, each in steps.items())
    return "; ".join(list(lines)[:2])


def _histogram(ax: Axes, found: LatencyScores) -> None:
    widths = [right - left for left, right in pairwise(found.edges)]
    ax.bar(found.edges[:-1], found.counts, widths, align="edge", color=SKY, edgecolor="white", linewidth=0.8)
    if found.is_wide:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=6))
    unit, size = ("seconds", 1000) if found.edges[-1] >= 1000 else ("milliseconds", 1)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / size:g}"))
    ax.set_ylim(0, max(found.counts) * 1.3)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    for name, value, shade in (("p50", found.p50, GREEN), ("p95", found.p95, RED)):
        ax.axvline(value, color=shade, linewidth=1.8, label=f"{name}  {milliseconds(value)}")
    legend(ax, "upper right", columns=2)
    label(ax, unit + (", logarithmic" if found.is_wide else ""), f"requests, of {found.n:,}")


def _answers_plot(ax: Axes, report: Report) -> bool:
    modes = report.answers
    with_intervals = any(each.intervals for each in modes.values())
    measured = any(getattr(each, metric) is not None for each in modes.values() for metric in _ANSWER_METRICS)
    head(ax, "Answers", "Means over the questions" + (", with 95 % intervals" if with_intervals else ""))
    for index, (name, each) in enumerate(modes.items()):
        _answer_bars(ax, name, each, index, len(modes))
    if measured:
        ax.set_xticks(range(len(_ANSWER_METRICS)), list(_ANSWER_METRICS.values()))
        ax.set(ylim=(0, 1.22), yticks=[0, 0.2, 0.4, 0.6, 0.8, 1.0])
        ax.tick_params(axis="x", length=0)
        legend(ax, "upper left", columns=3)
    return measured


def _answer_bars(ax: Axes, name: str, each: AnswerScores, index: int, modes: int) -> None:
    width = 0.8 / modes
    text: str | None = f"{name} (n={each.n:,})"
    for place, metric in enumerate(_ANSWER_METRICS):
        value = getattr(each, metric)
        if value is None:
            continue
        x = place + (index - (modes - 1) / 2) * width
        ax.bar(x, value, width * 0.9, color=colour(index), label=text)
        text = None
        low, high = each.intervals.get(metric, (value, value))
        ax.vlines(x, low, high, color=INK, linewidth=1.2)
        size = 8.5 if modes < 4 else 6.5
        ax.annotate(score(value), (x, high), (0, 4), textcoords="offset points", ha="center", fontsize=size, color=INK)
