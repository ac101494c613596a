"""How every picture of figures looks: as wide as a README, on white, in colours that the colour-blind tell apart."""

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Okabe and Ito's colours.
BLUE, ORANGE, GREEN, PINK = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
RED, SKY = "#D55E00", "#56B4E9"
PALETTE = (BLUE, ORANGE, GREEN, PINK, RED, SKY)
INK, FAINT, LINE, GRID = "#22272e", "#6b7280", "#9ca3af", "#e5e7eb"
# Who prints without colours tells lines apart by these.
MARKERS = "osD^vP"
KEY_INCHES = 0.28

Place = Literal["upper left", "upper right", "lower left", "lower right"]

# A README is about 800 pixels wide: letters of 8 points are 11 pixels high there, and twice as many are drawn.
_WIDTH_INCHES = 8.0
_DPI = 200
_EDGE_INCHES = 0.12
_TITLE_INCHES, _HEAD_INCHES = 0.42, 0.47
_AXIS_INCHES, _CAPTION_LINE_INCHES = 0.52, 0.15
_CAPTION_LETTERS = 128


@dataclass(frozen=True, slots=True)
class Grid:
    """Plots in rows and columns, all of one height unless `heights` says otherwise, with room for what is written
    around them; inches.
    """

    rows: int
    columns: int
    height: float
    left: float = 0.68
    above: float = 0.0
    gap: float = 0.95
    heights: tuple[float, ...] = ()


@contextmanager
def sheet(path: Path, title: str, caption: str, grid: Grid) -> Iterator[tuple[Figure, list[Axes]]]:
    """Plots to draw on, row by row, with what they show on top and how that was measured below; written as PNG at the
    end.
    """
    lines = [line.strip(" ·") for line in textwrap.wrap(caption, _CAPTION_LETTERS, break_on_hyphens=False)]
    top = _TITLE_INCHES + grid.above + _HEAD_INCHES
    bottom = _AXIS_INCHES + _CAPTION_LINE_INCHES * len(lines) + _EDGE_INCHES
    heights = grid.heights or (grid.height,) * grid.rows
    whole = top + sum(heights) + grid.gap * (grid.rows - 1) + bottom
    width = (_WIDTH_INCHES - grid.left * grid.columns - _EDGE_INCHES * (grid.columns + 0.5)) / grid.columns
    # A file may be called a$b$, which is no formula.
    with rc_context({"text.parse_math": False}):
        figure = Figure(figsize=(_WIDTH_INCHES, whole), dpi=_DPI, facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.subplots(grid.rows, grid.columns, squeeze=False, height_ratios=heights)
        figure.subplots_adjust(
            left=grid.left / _WIDTH_INCHES, right=1 - 1.5 * _EDGE_INCHES / _WIDTH_INCHES, top=1 - top / whole,
            bottom=bottom / whole, wspace=(grid.left + _EDGE_INCHES) / width,
            hspace=grid.gap * grid.rows / sum(heights),
        )  # fmt: skip
        edge = _EDGE_INCHES / _WIDTH_INCHES
        heading = figure.text(edge, 1 - 0.6 * _TITLE_INCHES / whole, title, va="center")
        heading.set(fontsize=13, fontweight="bold", color=INK)
        below = figure.text(edge, _EDGE_INCHES / whole, "\n".join(lines), va="bottom")
        below.set(fontsize=7.5, color=FAINT, linespacing=1.35)
        yield figure, list(axes.flat)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="png")


def prepare(ax: Axes, grid: Literal["x", "y", "both"] = "y") -> None:
    """Axes with a faint grid and no box."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(LINE)
    ax.grid(True, axis=grid, color=GRID, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.tick_params(which="both", colors=INK, labelsize=8.5, length=2.5, color=LINE)


def head(ax: Axes, title: str, note: str) -> None:
    """What a plot shows, and below that how it is read."""
    ax.set_title(title, loc="left", fontsize=10.5, fontweight="bold", color=INK, pad=20)
    ax.annotate(note, (0, 1), (0, 6), xycoords="axes fraction", textcoords="offset points", fontsize=8.5, color=FAINT)


def label(ax: Axes, x: str, y: str) -> None:
    """What the axes are, with units."""
    ax.set_xlabel(x, fontsize=9, color=INK)
    ax.set_ylabel(y, fontsize=9, color=INK, labelpad=2)


def legend(ax: Axes, place: Place = "lower right", columns: int = 1) -> None:
    """Which line of a plot is which."""
    ax.legend(
        loc=place, ncols=columns, fontsize=8, labelcolor=INK, frameon=True, framealpha=0.9, edgecolor="none",
        handlelength=1.6, handletextpad=0.6, borderaxespad=0.3,
    )  # fmt: skip


def key(figure: Figure, handles: Sequence[Artist]) -> None:
    """Which colour is which, of all plots together, below the title; the grid has to leave `KEY_INCHES` for it."""
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.006, 1 - 0.4 / figure.get_figheight()), ncols=len(handles),
        fontsize=8, labelcolor=INK, frameon=False, handlelength=1.6, columnspacing=1.1, handletextpad=0.45,
        borderaxespad=0.0,
    )  # fmt: skip


def say_missing(ax: Axes) -> None:
    """Instead of a plot."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.text(0.5, 0.5, "not measured in this run", transform=ax.transAxes, ha="center", fontsize=9.5, color=FAINT)


def colour(place: int) -> str:
    """Of the line that is drawn as this one."""
    return PALETTE[place % len(PALETTE)]


def marker(place: int) -> str:
    """Of the line that is drawn as this one."""
    return MARKERS[place % len(MARKERS)]
