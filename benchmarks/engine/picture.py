"""The table's main lines as a picture."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

from benchmarks.engine.figures import figure, tokens_per_second
from benchmarks.engine.run import Round

_SHOWN = (
    ("sixteen", "16 at once,\nnothing shared"),
    ("documents", "questions about\ndocuments"),
    ("documents, one", "questions about\ndocuments, adapter"),
    ("sixteen, four", "16 at once,\nfour adapters"),
)


def draw(rounds: Sequence[Round], contestants: Sequence[str], path: Path) -> None:
    """Write a PNG: tokens per second, a group of bars for each load."""
    shown = [name for name in contestants if any(one.contestant == name and one.results for one in rounds)]
    width = 0.8 / max(len(shown), 1)
    figure_, axes = plt.subplots(figsize=(10, 4.5), dpi=120)
    for number, name in enumerate(shown):
        heights = [figure(rounds, name, load, tokens_per_second) or 0.0 for load, _ in _SHOWN]
        places = [group + (number - (len(shown) - 1) / 2) * width for group in range(len(_SHOWN))]
        bars = axes.bar(places, heights, width, label=name)
        axes.bar_label(bars, [f"{height:.0f}" if height else "" for height in heights], fontsize=7)
    axes.set_xticks(range(len(_SHOWN)), [title for _, title in _SHOWN])
    axes.set_ylabel("tokens generated per second")
    axes.legend(fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure_.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure_.savefig(path)
    plt.close(figure_)
