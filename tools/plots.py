"""python -m tools.plots: the guides' pictures of figures, drawn from the reports of the benchmarks and the evaluation.

Nothing is measured here: a picture that should look better is drawn anew from the same figures.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import benchmarks.cold_start.picture
import benchmarks.cold_start.report
import benchmarks.engine.picture
import benchmarks.engine.report
import evaluation.plots
import evaluation.quality
from evaluation.report import Report

Drawing = Callable[[Sequence[Path], Path], None]


def _engine(reports: Sequence[Path], picture: Path) -> None:
    benchmarks.engine.picture.draw(benchmarks.engine.report.Report.read(reports[0]), picture)


def _cold_start(reports: Sequence[Path], picture: Path) -> None:
    benchmarks.cold_start.picture.draw(benchmarks.cold_start.report.Report.read(reports[0]), picture)


def _evaluation(reports: Sequence[Path], picture: Path) -> None:
    evaluation.plots.draw(Report.read_json(reports[0]), picture)


def _quality(reports: Sequence[Path], picture: Path) -> None:
    evaluation.quality.draw_quality([Report.read_json(path) for path in reports], picture)


# The reports of each picture, in the folder they are left in, and who draws it.
PICTURES: dict[str, tuple[Drawing, tuple[str, ...]]] = {
    "engine.png": (_engine, ("bench-engine/engine.json",)),
    "cold-start.png": (_cold_start, ("cold-start.json",)),
    "evaluation.png": (_evaluation, ("evaluation-en/report.json",)),
    "quality.png": (_quality, tuple(f"evaluation-{name}/report.json" for name in ("en", "es", "cross"))),
}


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 all that were asked for are drawn, 1 a report is missing."""
    parser = argparse.ArgumentParser(prog="python -m tools.plots", description=__doc__)
    parser.add_argument("pictures", nargs="*", metavar="PICTURE", help=f"of {', '.join(PICTURES)}; all if left out")
    parser.add_argument("--reports", type=Path, default=Path("build"))
    parser.add_argument("--output", type=Path, default=Path("docs"))
    options = parser.parse_args(arguments)
    if unknown := set(options.pictures) - set(PICTURES):
        parser.error(f"there is no picture {', '.join(sorted(unknown))}")
    missing = False
    for name in options.pictures or PICTURES:
        drawing, files = PICTURES[name]
        reports = [options.reports / file for file in files]
        if absent := [path for path in reports if not path.is_file()]:
            sys.stderr.write(f"Not drawn: {name}, for want of {', '.join(map(str, absent))}\n")
            missing = True
            continue
        drawing(reports, options.output / name)
        sys.stderr.write(f"Written: {options.output / name}\n")
    return int(missing)


if __name__ == "__main__":
    sys.exit(main())
