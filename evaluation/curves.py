"""Plots of what is found and of what is better left unanswered; each says whether there was anything to draw."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from evaluation.look import BLUE, GREEN, GRID, LINE, ORANGE, PINK, RED, colour, head, label, legend, marker
from evaluation.report import Abstention, Report, RetrievalScores, Separation
from evaluation.tables import score, share

_OF_SYSTEM = {"dense": BLUE, "bm25": ORANGE, "fused": GREEN, "reranked": PINK}


def recall_plot(ax: Axes, systems: Mapping[str, RetrievalScores]) -> bool:
    """Recall by how many passages are read, a line for each name."""
    head(ax, "Retrieval: recall by depth", "Questions whose gold passage is among the first k")
    curves = {name: each for name, each in systems.items() if each.curve}
    for place, (name, each) in enumerate(curves.items()):
        ranks = range(1, len(each.curve) + 1)
        (line,) = ax.plot(ranks, each.curve, color=_OF_SYSTEM.get(name, colour(place)), linewidth=1.8)
        line.set(marker=marker(place), markersize=4.5, markeredgecolor="white", markeredgewidth=0.6)
        line.set_label(f"{name}: first {score(each.r1)}, nDCG@10 {score(each.ndcg10)}")
    if curves:
        label(ax, "k, passages read", "recall@k")
        # Room for the legend below the curves.
        lowest = min(each.curve[0] for each in curves.values())
        ax.set_ylim(max(0.0, lowest - 0.2 - 0.5 * (1 - lowest)), 1.012)
        ax.set_xticks([1, 5, 10, 15, 20])
        ax.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
        legend(ax)
    return bool(curves)


def precision_plot(ax: Axes, sections: Mapping[str, Abstention]) -> bool:
    """How much of what is answered is right, by how much is answered; lines for each name."""
    head(ax, "Abstention: how much is right", "Lines: answerable questions; dotted: all asked")
    drawn = {name: each for name, each in sections.items() if each.precision}
    for place, (name, each) in enumerate(drawn.items()):
        _precision_curves(ax, name, each, place)
    if drawn:
        ax.grid(True, axis="x", color=GRID, linewidth=0.8)
        ax.set(xlim=(0, 1.02), ylim=(0, 1.02))
        label(ax, "answerable questions that are answered", "answers that are right")
        _in_per_cent(ax)
        legend(ax, "lower left")
    return bool(drawn)


def _precision_curves(ax: Axes, name: str, found: Abstention, place: int) -> None:
    """Both end where the product's own threshold is; to the left are surer answers only."""
    shade, ends = colour(place), []
    for curve, style in ((found.precision, "-"), (found.precision_of_all, (0, (1, 1)))):
        if not curve:
            continue
        ax.plot([x for x, _ in curve], [y for _, y in curve], color=shade, linewidth=1.8, linestyle=style)
        ax.plot(*curve[-1], marker(place), color=shade, markersize=6.5, markeredgecolor="white", zorder=4)
        ends.append(share(curve[-1][1]))
    text = f"{name}: {' and '.join(ends)} right"
    ax.plot([], [], marker(place), color=shade, linestyle="-", linewidth=1.8, markersize=4.5, label=text)


def roc_plot(ax: Axes, report: Report) -> bool:
    """How well the score tells questions without an answer from those with one."""
    head(ax, "Abstention: telling what has no answer", "Each point is one threshold of the score")
    section = report.abstention or Abstention()
    kinds = (("out of corpus", section.out_of_corpus, BLUE), ("unanswerable", section.unanswerable, RED))
    drawn = [(name, found, shade) for name, found, shade in kinds if found and found.roc]
    for name, found, shade in drawn:
        _roc_curve(ax, name, found, shade)
    if drawn:
        ax.plot([0, 1], [0, 1], color=LINE, linewidth=1.0, linestyle=(0, (4, 4)), label="chance")
        ax.axhline(0.95, color=LINE, linewidth=1.0, linestyle=":")
        ax.set(xlim=(-0.012, 1.012), ylim=(-0.012, 1.02))
        ax.grid(True, axis="x", color=GRID, linewidth=0.8)
        label(ax, "unanswerable ones that are answered", "answerable ones answered")
        _in_per_cent(ax)
        legend(ax)
    return bool(drawn)


def _roc_curve(ax: Axes, name: str, found: Separation, shade: str) -> None:
    text = f"{name}: AUROC {score(found.auroc)}\n{share(found.rejected_at_95)} rejected at 95 % answered"
    ax.plot([x for x, _ in found.roc], [y for _, y in found.roc], color=shade, linewidth=1.9, label=text)
    if found.rejected_at_95 is not None:
        ax.plot(1 - found.rejected_at_95, 0.95, "o", color=shade, markersize=6.5, markeredgecolor="white", zorder=4)


def _in_per_cent(ax: Axes) -> None:
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
