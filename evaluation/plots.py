"""One picture of a report: six plots, each saying in its title what it shows."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from evaluation.metrics import Reliability
from evaluation.report import Abstention, AnswerScores, LatencyScores, Report, Separation
from evaluation.tables import milliseconds, score, share

# Okabe and Ito's colours, which the colour-blind tell apart.
_BLUE, _ORANGE, _GREEN, _PINK = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
_RED, _SKY = "#D55E00", "#56B4E9"
_PALETTE = (_BLUE, _ORANGE, _GREEN, _PINK, _RED, _SKY)
_OF_SYSTEM = {"dense": _BLUE, "bm25": _ORANGE, "fused": _GREEN, "reranked": _PINK}
_INK, _FAINT, _GRID = "#22272e", "#6b7280", "#e5e7eb"
_MARKERS = "osD^vP"

_SIZE_INCHES = (18.0, 10.8)
_DPI = 120
_ANSWER_METRICS = {
    "em": "exact\nmatch",
    "f1": "F1",
    "contains_gold": "contains\na gold answer",
    "answered_share": "answered",
}


def draw(report: Report, path: Path) -> None:
    """Write the picture as PNG. A plot whose section is missing says so."""
    with rc_context({"text.parse_math": False}):  # a file may be called a$b$
        _figure(report).savefig(path, format="png")


def _figure(report: Report) -> Figure:
    figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes: list[Axes] = list(figure.subplots(2, 3).flat)
    figure.subplots_adjust(left=0.05, right=0.98, top=0.83, bottom=0.075, wspace=0.2, hspace=0.42)
    figure.text(0.05, 0.955, _title(report), fontsize=21, fontweight="bold", color=_INK, va="center")
    figure.text(0.05, 0.917, _subtitle(report), fontsize=12, color=_FAINT, va="center")
    plots: tuple[Callable[[Axes, Report], bool], ...] = (
        _recall_plot,
        _ndcg_plot,
        _abstention_plot,
        _reliability_plot,
        _latency_plot,
        _answers_plot,
    )
    for ax, plot in zip(axes, plots, strict=True):
        _prepare(ax)
        if not plot(ax, report):
            _say_missing(ax)
    return figure


def _title(report: Report) -> str:
    found = report.dataset
    if found is None:
        return "Askpod evaluation"
    name = found.name if len(found.name) <= 40 else f"{found.name[:39]}…"
    return f"Askpod evaluation on {name}: {found.questions:,} questions, {found.passages:,} passages"


def _subtitle(report: Report) -> str:
    found, parts = report.environment, []
    if report.dataset:
        parts.append(f"questions in {report.dataset.question_language}, passages in {report.dataset.language}")
    if found:
        parts += [f"embedder {found.embedder}"] if found.embedder else []
        parts += [f"{found.cpu or 'CPU'}, {found.cores} cores", *([found.gpu] if found.gpu else []), found.date[:10]]
    return "  ·  ".join(parts)


def _prepare(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color("#9ca3af")
    ax.grid(True, axis="y", color=_GRID, linewidth=0.9)
    ax.set_axisbelow(True)
    ax.tick_params(colors=_INK, labelsize=11, length=3, color="#9ca3af")


def _head(ax: Axes, title: str, note: str) -> None:
    ax.set_title(title, loc="left", fontsize=14, fontweight="bold", color=_INK, pad=26)
    ax.annotate(note, (0, 1), (0, 9), xycoords="axes fraction", textcoords="offset points", fontsize=11, color=_FAINT)


def _label(ax: Axes, x: str, y: str) -> None:
    ax.set_xlabel(x, fontsize=11.5, color=_INK)
    ax.set_ylabel(y, fontsize=11.5, color=_INK)


def _legend(ax: Axes) -> None:
    ax.legend(loc="lower right", fontsize=11, labelcolor=_INK, frameon=True, framealpha=0.9, edgecolor="none")


def _say_missing(ax: Axes) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    ax.text(0.5, 0.5, "not measured in this run", transform=ax.transAxes, ha="center", fontsize=13, color=_FAINT)


def _colour(name: str, index: int) -> str:
    return _OF_SYSTEM.get(name, _PALETTE[index % len(_PALETTE)])


def _marker(index: int) -> str:
    return _MARKERS[index % len(_MARKERS)]


def _recall_plot(ax: Axes, report: Report) -> bool:
    _head(ax, "Retrieval: recall by depth", "Share of questions whose gold passage is among the first k")
    curves = {name: each for name, each in report.retrieval.items() if each.curve}
    for index, (name, each) in enumerate(curves.items()):
        ranks = range(1, len(each.curve) + 1)
        (line,) = ax.plot(ranks, each.curve, color=_colour(name, index), linewidth=2.2, marker=_marker(index))
        line.set(label=f"{name}  (first: {score(each.r1)})", markersize=6, markeredgecolor="white")
    if curves:
        _label(ax, "k, passages read", "recall@k")
        lowest = min(each.curve[0] for each in curves.values())
        ax.set_ylim(max(0.0, lowest - 0.08), 1.012)
        ax.set_xticks([1, 5, 10, 15, 20])
        _legend(ax)
    return bool(curves)


def _ndcg_plot(ax: Axes, report: Report) -> bool:
    _head(ax, "Retrieval: nDCG@10", "How high the gold passage ranks; 1 is always first")
    found = {name: each.ndcg10 for name, each in report.retrieval.items() if each.ndcg10 is not None}
    colours = [_colour(name, index) for index, name in enumerate(report.retrieval) if name in found]
    bars = ax.bar(list(found), list(found.values()), color=colours, width=0.58)
    ax.bar_label(
        bars, [score(value) for value in found.values()], padding=4, fontsize=13, color=_INK, fontweight="bold"
    )
    ax.set_ylim(0, 1.1)
    ax.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    spare = max(0.0, (4 - len(found)) / 2)  # one bar is no wall
    ax.set_xlim(-0.6 - spare, len(found) - 0.4 + spare)
    ax.tick_params(axis="x", labelsize=12.5, length=0)
    ax.set_ylabel("nDCG@10", fontsize=11.5, color=_INK)
    return bool(found)


def _abstention_plot(ax: Axes, report: Report) -> bool:
    _head(ax, "Abstention: telling what has no answer", "Each point is one threshold of the relevance score")
    section = report.abstention or Abstention()
    kinds = (("out of corpus", section.out_of_corpus, _BLUE), ("unanswerable", section.unanswerable, _RED))
    drawn = [(name, found, colour) for name, found, colour in kinds if found and found.roc]
    for name, found, colour in drawn:
        _roc_curve(ax, name, found, colour)
    if drawn:
        ax.plot([0, 1], [0, 1], color="#9ca3af", linewidth=1.2, linestyle=(0, (4, 4)), label="chance")
        ax.axhline(0.95, color="#9ca3af", linewidth=1.2, linestyle=":")
        ax.set(xlim=(-0.012, 1.012), ylim=(-0.012, 1.02))
        ax.grid(True, axis="x", color=_GRID, linewidth=0.9)
        _label(ax, "unanswerable questions answered", "answerable questions answered")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        _legend(ax)
    return bool(drawn)


def _roc_curve(ax: Axes, name: str, found: Separation, colour: str) -> None:
    label = f"{name}: AUROC {score(found.auroc)}\n{share(found.rejected_at_95)} rejected at 95 % answered"
    ax.plot([x for x, _ in found.roc], [y for _, y in found.roc], color=colour, linewidth=2.4, label=label)
    if found.rejected_at_95 is not None:
        ax.plot(1 - found.rejected_at_95, 0.95, "o", color=colour, markersize=8.5, markeredgecolor="white", zorder=4)


def _reliability_plot(ax: Axes, report: Report) -> bool:
    found = report.calibration
    numbers = f"ECE {score(found.ece)}, Brier {score(found.brier)}; " if found else ""
    _head(ax, "Confidence: how often it is right", f"{numbers}over each bar its number of answers")
    if found:
        _bins(ax, found)
        ax.plot([0, 1], [0, 1], color=_INK, linewidth=1.3, linestyle=(0, (4, 4)), label="as sure as right")
        ax.set(xlim=(0, 1), ylim=(0, 1.1), yticks=[0, 0.2, 0.4, 0.6, 0.8, 1.0])
        _label(ax, "confidence", "share that is right")
        ax.legend(loc="upper left", fontsize=11, frameon=False, labelcolor=_INK)
    return found is not None


def _bins(ax: Axes, found: Reliability) -> None:
    for one in found.bins:
        if one.confidence is None or one.accuracy is None:
            continue
        middle, width = (one.lower + one.upper) / 2, one.upper - one.lower
        ax.bar(middle, one.accuracy, width * 0.9, color=_SKY, alpha=0.85)
        ax.plot(
            one.confidence,
            one.accuracy,
            "o",
            color=_BLUE,
            markersize=7,
            markeredgecolor="white",
            zorder=4,
            clip_on=False,
        )
        place = (middle, one.accuracy)
        label = ax.annotate(f"{one.count:,}", place, (0, 7), textcoords="offset points", ha="center", fontsize=10.5)
        label.set(color=_INK, zorder=5, bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8})


def _latency_plot(ax: Axes, report: Report) -> bool:
    drawn = [name for name, each in report.latency.items() if each.counts]
    step = "total" if "total" in drawn else next(iter(drawn), None)
    others = {name: each for name, each in report.latency.items() if name != step}
    _head(ax, f"Latency: {step or 'of a question'}", _percentiles_of(others) or "Time from the question to the answer")
    if step is not None:
        _histogram(ax, report.latency[step])
    return step is not None


def _percentiles_of(steps: Mapping[str, LatencyScores]) -> str:
    """The steps that are not drawn, in words."""
    lines = (f"{name} p50 {milliseconds(each.p50)}, p95 {milliseconds(each.p95)}" for name, each in steps.items())
    return "; ".join(list(lines)[:2])


def _histogram(ax: Axes, found: LatencyScores) -> None:
    widths = [right - left for left, right in pairwise(found.edges)]
    ax.bar(found.edges[:-1], found.counts, widths, align="edge", color=_SKY, edgecolor="white", linewidth=0.8)
    if found.is_wide:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=6))
    unit, size = ("seconds", 1000) if found.edges[-1] >= 1000 else ("milliseconds", 1)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / size:g}"))
    ax.set_ylim(0, max(found.counts) * 1.25)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    for name, value, colour in (("p50", found.p50, _GREEN), ("p95", found.p95, _RED)):
        ax.axvline(value, color=colour, linewidth=2.2, label=f"{name}  {milliseconds(value)}")
    # Beside the title: inside, a line or a bar would run into it.
    legend: dict[str, Any] = {
        "fontsize": 11.5,
        "handlelength": 1.0,
        "handletextpad": 0.4,
        "columnspacing": 1.0,
        "borderaxespad": 0.0,
    }
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1.085), ncols=2, frameon=False, labelcolor=_INK, **legend)
    _label(ax, unit + (", logarithmic" if found.is_wide else ""), f"requests, of {found.n:,}")


def _answers_plot(ax: Axes, report: Report) -> bool:
    modes = report.answers
    with_intervals = any(each.intervals for each in modes.values())
    measured = any(getattr(each, metric) is not None for each in modes.values() for metric in _ANSWER_METRICS)
    _head(ax, "Answers", "Means over the questions" + (", with 95 % bootstrap intervals" if with_intervals else ""))
    for index, (name, each) in enumerate(modes.items()):
        _answer_bars(ax, name, each, index, len(modes))
    if measured:
        ax.set_xticks(range(len(_ANSWER_METRICS)), list(_ANSWER_METRICS.values()))
        ax.set(ylim=(0, 1.22), yticks=[0, 0.2, 0.4, 0.6, 0.8, 1.0])
        ax.tick_params(axis="x", labelsize=12, length=0)
        ax.legend(loc="upper left", ncols=3, fontsize=11, frameon=False, labelcolor=_INK, borderaxespad=0.1)
    return measured


def _answer_bars(ax: Axes, name: str, each: AnswerScores, index: int, modes: int) -> None:
    width = 0.8 / modes
    label: str | None = f"{name} (n={each.n:,})"
    for place, metric in enumerate(_ANSWER_METRICS):
        value = getattr(each, metric)
        if value is None:
            continue
        x = place + (index - (modes - 1) / 2) * width
        ax.bar(x, value, width * 0.9, color=_PALETTE[index % len(_PALETTE)], label=label)
        label = None
        low, high = each.intervals.get(metric, (value, value))
        ax.vlines(x, low, high, color=_INK, linewidth=1.4)
        size = 11 if modes < 4 else 8
        ax.annotate(score(value), (x, high), (0, 4), textcoords="offset points", ha="center", fontsize=size, color=_INK)
