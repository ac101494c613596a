"""The starts as a picture: a lane for each thread that loads, from the process's start to its first answer.

Bars that are stacked would claim that one thing comes after the other. In Askpod's process several things are done at
once, so what runs beside the main thread has lanes of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from benchmarks.cold_start.report import Report, Start, Step, middle
from benchmarks.cold_start.steps import ANSWERED, EMBEDDER, IMPORTS, MODEL, PYTHON, READY, SDK, STORE
from evaluation.look import BLUE, FAINT, GREEN, INK, KEY_INCHES, ORANGE, PINK, SKY, Grid, head, key, prepare, sheet

_WAITS, _VERIFY, _ROUTER, _WARM_UP = "waits", "verify", "router", "warm_up"
_KINDS = {
    PYTHON: "imports", IMPORTS: "imports", SDK: "imports", STORE: "index", _VERIFY: "hashes checked", MODEL: "models",
    EMBEDDER: "models", _ROUTER: "index", _WARM_UP: "warm-up", READY: "waits for the others",
    _WAITS: "waits for the others", ANSWERED: "first answer",
}  # fmt: skip
_COLOURS = {
    "imports": ORANGE, "models": BLUE, "index": PINK, "hashes checked": FAINT, "warm-up": GREEN,
    "waits for the others": "#e5e7eb", "first answer": SKY,
}  # fmt: skip
_DARK = (BLUE, GREEN, FAINT)
# In the order of the threads: what Askpod's main thread leaves to others.
_BESIDE = {"hashes": (_VERIFY,), "embedder": (EMBEDDER, _ROUTER), "serverless SDK": (SDK,)}
_NAMES = {"askpod": "Askpod", "naive": "a course's way", "vllm": "vLLM's engine"}
_CONCURRENT = "askpod"
# What takes so many times the others' time is cut off, and says how long it took.
_FAR = 2.5
_LANE_INCHES, _BETWEEN = 0.25, 0.35  # between contestants: a share of a lane
_NOTES = {"warm": "The files were read before.", "cold": "Every file comes off the disk."}


@dataclass(frozen=True, slots=True)
class Lane:
    """What one thread did; `whole_s` is the process's time to the first answer, told behind its main thread."""

    name: str
    steps: list[Step]
    whole_s: float | None = None


def lanes(start: Start) -> Iterator[Lane]:
    """The main thread first; its gaps are waiting."""
    beside = _BESIDE if start.contestant == _CONCURRENT else {}
    elsewhere = {name for names in beside.values() for name in names}
    own = [step for step in start.steps if step.name in _KINDS and step.name not in elsewhere]
    yield Lane(_NAMES.get(start.contestant, start.contestant), list(_with_waiting(own)), start.answered_s)
    for name, names in beside.items():
        if steps := [step for step in start.steps if step.name in names]:
            yield Lane(name, steps)


def _with_waiting(steps: Sequence[Step]) -> Iterator[Step]:
    at = 0.0
    for step in steps:
        if step.start_s > at:
            yield Step(_WAITS, at, step.start_s)
        # Lines are read a moment after they are told: a step never begins before the one before it has ended.
        yield Step(step.name, max(step.start_s, at), step.end_s)
        at = step.end_s


def draw(report: Report, path: Path) -> None:
    """Write a PNG: for each page cache the process in the middle of each contestant's."""
    caches = list(dict.fromkeys(one.cache for one in report.starts))
    contestants = list(dict.fromkeys(one.contestant for one in report.starts))
    shown = {cache: [list(lanes(middle(those))) for name in contestants if (those := report.of(name, cache))]
             for cache in caches}  # fmt: skip
    longest = _longest(
        [lane.whole_s for groups in shown.values() for group in groups for lane in group if lane.whole_s]
    )
    heights = tuple(_LANE_INCHES * sum(len(group) + _BETWEEN for group in groups) for groups in shown.values())
    grid = Grid(len(caches), 1, 0, left=1.25, above=KEY_INCHES, gap=0.8, heights=heights)
    with sheet(path, "Cold start: from a process's start to its first answer", _caption(report), grid) as (
        figure,
        axes,
    ):
        for ax, (cache, groups) in zip(axes, shown.items(), strict=True):
            prepare(ax, "x")
            head(ax, f"{cache.capitalize()} page cache", _NOTES[cache])
            _lanes(ax, groups, longest)
        axes[-1].set_xlabel("seconds since the process was started", fontsize=9, color=INK)
        kinds = [Patch(color=_COLOURS[kind], label=kind) for kind in _seen(shown.values(), longest)]
        key(figure, kinds)


def _seen(groups: Iterable[Sequence[Sequence[Lane]]], longest: float) -> list[str]:
    """What is wide enough to be seen, in the order of the colours."""
    steps = [step for group in groups for lanes_ in group for lane in lanes_ for step in lane.steps]
    seen = {_KINDS[step.name] for step in steps if step.end_s - step.start_s > longest / 400}
    return [kind for kind in _COLOURS if kind in seen]


def _longest(seconds: Sequence[float]) -> float:
    """Where the axis ends: behind the slowest that is not far behind the others."""
    shortest = min(seconds)
    return max(one for one in seconds if one <= _FAR * shortest) * 1.09


def _lanes(ax: Axes, groups: Sequence[Sequence[Lane]], longest: float) -> None:
    places: list[float] = []
    names: list[str] = []
    at = 0.0
    for group in groups:
        for number, lane in enumerate(group):
            _lane(ax, lane, at, longest, main=number == 0)
            places.append(at)
            names.append(lane.name)
            at += 1.0
        at += _BETWEEN
    ax.set_yticks(places, names)
    ax.tick_params(axis="y", length=0)
    ax.set(xlim=(0, longest), ylim=(at - 0.5 - _BETWEEN / 2, -0.5 - _BETWEEN / 2))
    for text, lane in zip(ax.get_yticklabels(), (lane for group in groups for lane in group), strict=True):
        text.set(fontweight="bold" if lane.whole_s else "normal", color=INK if lane.whole_s else FAINT)


def _lane(ax: Axes, lane: Lane, at: float, longest: float, *, main: bool) -> None:
    for step in lane.steps:
        end = min(step.end_s, longest)
        if end <= step.start_s:
            continue
        shade = _COLOURS[_KINDS[step.name]]
        ax.barh(
            at, end - step.start_s, 0.74 if main else 0.5, step.start_s, color=shade, edgecolor="white", linewidth=0.6
        )
        if step.end_s <= longest and end - step.start_s > longest / 22:
            told = f"{step.end_s - step.start_s:.1f}"
            ink = "white" if shade in _DARK else INK
            ax.text((step.start_s + end) / 2, at, told, ha="center", va="center", fontsize=7.5, color=ink)
    if lane.whole_s is not None:
        _say_whole(ax, lane.whole_s, at, longest)


def _say_whole(ax: Axes, seconds: float, at: float, longest: float) -> None:
    """Behind the bar; upon the end of one that is cut off."""
    if seconds > longest:
        said = ax.annotate(f"{seconds:.0f} s →", (longest, at), (-5, 0), textcoords="offset points", ha="right")
        said.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1.5})
    else:
        said = ax.annotate(f"{seconds:.1f} s", (seconds, at), (4, 0), textcoords="offset points")
    said.set(fontsize=9, fontweight="bold", color=INK, va="center")


def _caption(report: Report) -> str:
    rounds = max(len(report.of(one.contestant, one.cache)) for one in report.starts)
    sdk = "with" if report.sdk else "without"
    return (
        f"One row for each thread; the process with the median time of {rounds}, {sdk} the serverless SDK, in seconds."
        f"  ·  {report.measured}"
    )
