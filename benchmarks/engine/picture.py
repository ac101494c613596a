"""The rounds as a picture: what many who ask at once get, and the table's loads beside each other."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from benchmarks.engine.figures import Measure, figure, first_token, tokens_per_second
from benchmarks.engine.loads import ASKERS, ASKERS_ON_A_GPU, askers_load
from benchmarks.engine.report import Report
from evaluation.look import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    KEY_INCHES,
    ORANGE,
    PINK,
    RED,
    SKY,
    Grid,
    head,
    key,
    label,
    prepare,
    say_missing,
    sheet,
)  # fmt: skip

_LOADS = (
    ("sixteen", "16 at once,\nnothing shared"),
    ("documents", "questions about\ndocuments"),
    ("documents, one", "questions about\ndocuments"),
    ("sixteen, four", "16 at once,\nfour adapters"),
)
# A contestant has its colour and its mark in every picture.
_STYLES = {
    "askpod": ("Askpod", BLUE, "o"), "askpod, no lookup": ("Askpod, no lookup", SKY, "v"),
    "generate": ("generate", ORANGE, "s"), "generate, padded": ("generate, padded", RED, "D"),
    "transformers CB": ("transformers CB", PINK, "P"), "vllm": ("vLLM", GREEN, "^"),
    "llama.cpp": ("llama.cpp", FAINT, "X"),
}  # fmt: skip
_FEW = 5
_GRID = Grid(rows=2, columns=2, height=2.2, above=KEY_INCHES, gap=1.0)


def draw(report: Report, path: Path) -> None:
    """Write a PNG. A plot for which nothing was measured says so."""
    with sheet(path, f"Engine: {report.model}", _caption(report), _GRID) as (figure_, (many, first, left, right)):
        _askers(many, report, tokens_per_second)
        head(many, "Throughput", "So many ask about documents at once, one question each")
        label(many, "askers at once", "tokens generated per second")
        _askers(first, report, first_token)
        head(first, "Time to the first token", "Half of the askers wait for less; logarithmic")
        label(first, "askers at once", "seconds")
        if first.lines:
            _logarithmic(first)
        for place, ax in enumerate((left, right)):
            _bars(ax, report, _LOADS[2 * place : 2 * place + 2])
        head(left, "Throughput without adapters", "Tokens per second, 16 at once")
        head(right, "Throughput with LoRA adapters", "Tokens per second, 16 at once")
        highest = max(left.get_ylim()[1], right.get_ylim()[1])
        for ax in (left, right):
            ax.set_ylim(0, highest)
        key(figure_, [_handle(name) for name in report.contestants()])


def _handle(name: str) -> Line2D:
    text, shade, mark = _STYLES[name]
    return Line2D([], [], color=shade, marker=mark, label=text, linewidth=1.8, markersize=5, markeredgecolor="white")


def _askers(ax: Axes, report: Report, measure: Measure) -> None:
    """A line for each contestant."""
    prepare(ax)
    asked: set[int] = set()
    for name in report.contestants():
        known = {n: figure(report.rounds, name, askers_load(n), measure) for n in (*ASKERS, *ASKERS_ON_A_GPU)}
        found = {n: value for n, value in known.items() if value is not None}
        if found:
            _, shade, mark = _STYLES[name]
            ax.plot(list(found), list(found.values()), color=shade, marker=mark, linewidth=1.8, markersize=5,
                    markeredgecolor="white", markeredgewidth=0.6)  # fmt: skip
        asked |= set(found)
    if not asked:
        say_missing(ax)
        return
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_locator(FixedLocator(sorted(asked)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.set_ylim(bottom=0)


def _logarithmic(ax: Axes) -> None:
    """Who waits for its turn waits a hundred times as long as who does not."""
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.autoscale(axis="y")


def _bars(ax: Axes, report: Report, loads: Sequence[tuple[str, str]]) -> None:
    prepare(ax)
    names = [name for name in report.contestants() if any(_rate(report, name, load) for load, _ in loads)]
    width = 0.84 / max(len(names), 2)
    for number, name in enumerate(names):
        for group, (load, _) in enumerate(loads):
            if (height := _rate(report, name, load)) is None:
                continue
            x = group + (number - (len(names) - 1) / 2) * width
            ax.bar(x, height, width * 0.92, color=_STYLES[name][1])
            ax.annotate(f"{height:,.0f}", (x, height), (0, 2), textcoords="offset points", ha="center",
                        fontsize=7.5 if len(names) <= _FEW else 5.5, color=INK)  # fmt: skip
    if not names:
        say_missing(ax)
        return
    ax.set_xticks(range(len(loads)), [title for _, title in loads])
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(-0.5, len(loads) - 0.5)
    ax.margins(y=0.1)


def _rate(report: Report, name: str, load: str) -> float | None:
    return figure(report.rounds, name, load, tokens_per_second)


def _caption(report: Report) -> str:
    return f"Each contestant in a process of its own, the same prompts; medians.  ·  {report.measured}"
