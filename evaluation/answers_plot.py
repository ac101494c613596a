"""The picture of `evaluation answers`: the systems side by side, by type of question, with intervals."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes

from evaluation.answers_report import ALL, AnswersReport
from evaluation.look import INK, Grid, colour, head, label, legend, prepare, say_missing, sheet
from evaluation.plots import conditions_of

_NUGGETS = {
    "recall": ("Recall", "Share of the needed facts that an answer states"),
    "complete": ("Complete answers", "Share of the answerable questions with every fact and nothing wrong"),
}
_CLAPNQ = {
    "rouge_l": "ROUGE-L\n(answerable)",
    "abstention_precision": "abstention\nprecision",
    "abstention_recall": "abstention\nrecall",
    "gold_citations": "citations of the\ngold passage",
}
# More bars than this leave no room for their numbers.
_NUMBERED_BARS = 24


def draw_answers(report: AnswersReport, path: Path) -> None:
    """Write the picture as PNG. A figure that was not measured says so."""
    title = f"{report.data}: {report.counts.get(ALL, {}).get('questions', 0)} questions"
    if _measured(report, ALL, "rouge_l"):
        with sheet(path, title, _caption(report), Grid(rows=1, columns=1, height=2.6)) as (_, (ax,)):
            prepare(ax)
            head(ax, "Long answers", "Means over the questions, with 95 % intervals")
            ticks = {name: text for name, text in _CLAPNQ.items() if _measured(report, ALL, name)}
            _bars(ax, report, [(text, ALL, name) for name, text in ticks.items()])
        return
    groups = [ALL, *(group for group in report.groups("type") if _measured(report, group, "recall"))]
    with sheet(path, title, _caption(report), Grid(rows=2, columns=1, height=2.3)) as (_, axes):
        for ax, (name, (heading, note)) in zip(axes, _NUGGETS.items(), strict=True):
            prepare(ax)
            head(ax, heading, f"{note}, with 95 % intervals")
            _bars(ax, report, [(_tick(report.counts, group), group, name) for group in groups])


def _bars(ax: Axes, report: AnswersReport, ticks: Sequence[tuple[str, str, str]]) -> None:
    """A bar for each system at each tick: its text, the group and the figure."""
    if not any(_measured(report, group, name) for _, group, name in ticks):
        say_missing(ax)
        return
    width = 0.8 / len(report.systems)
    for index, system in enumerate(report.systems):
        text: str | None = system
        for place, (_, group, name) in enumerate(ticks):
            value = report.figures[system].get(group, {}).get(name)
            if value is None:
                continue
            x = place + (index - (len(report.systems) - 1) / 2) * width
            ax.bar(x, value, width * 0.9, color=colour(index), label=text)
            text = None
            low, high = report.intervals[system][group][name]
            ax.vlines(x, low, high, color=INK, linewidth=1.2)
            if len(ticks) * len(report.systems) <= _NUMBERED_BARS:
                number = ax.annotate(f"{value:.2f}", (x, high), (0, 3), textcoords="offset points", ha="center")
                number.set(fontsize=7.5, color=INK)
    ax.set_xticks(range(len(ticks)), [text for text, _, _ in ticks])
    ax.set(ylim=(0, 1.3), yticks=[0, 0.2, 0.4, 0.6, 0.8, 1.0])
    ax.tick_params(axis="x", length=0)
    label(ax, "", "share")
    legend(ax, "upper right", columns=4)


def _tick(counts: Mapping[str, Mapping[str, int]], group: str) -> str:
    name = group.partition("=")[2] or group
    return f"{name.replace('_', ' ')}\n({counts[group]['answerable']})"


def _measured(report: AnswersReport, group: str, name: str) -> bool:
    return any(groups.get(group, {}).get(name) is not None for groups in report.figures.values())


def _caption(report: AnswersReport) -> str:
    where = report.environment
    by_type = not _measured(report, ALL, "rouge_l")
    parts = ["in parentheses: answerable questions"] if by_type else []
    if where is not None:
        parts += [f"embedder {where.embedder}"] if where.embedder else []
        parts.append(conditions_of(where))
    return "  ·  ".join(parts)
