"""Least values that a report must reach, so that quality can be tested like anything else."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from evaluation.answers_report import AnswersReport
from evaluation.dataset import InvalidDataset
from evaluation.report import Report


class FloorsMissed(Exception):
    """At least one figure is below its floor, or missing; the message names each."""


@dataclass(frozen=True, slots=True)
class Floors:
    """The least value of each figure, by its place in report.json: `{"retrieval.fused.r5": 0.9}`."""

    least: Mapping[str, float]

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a JSON object of numbers.

        Raises:
            InvalidDataset: it is not one.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InvalidDataset(f"{path.name}: not JSON") from error
        if not isinstance(content, dict) or not all(isinstance(value, int | float) for value in content.values()):
            raise InvalidDataset(f"{path.name}: not an object of numbers")
        return cls(content)

    def check(self, report: Report | AnswersReport) -> None:
        """Compare.

        Raises:
            FloorsMissed: a figure is below its floor or is not in the report.
        """
        figures = asdict(report)
        found = {name: _at(figures, name) for name in self.least}
        missed = [
            f"{name} is {'missing' if (value := found[name]) is None else f'{value:.3f}'}, below {least:g}"
            for name, least in self.least.items()
            if (known := found[name]) is None or known < least
        ]
        if missed:
            raise FloorsMissed("Below the floor: " + "; ".join(missed) + ".")


def _at(figures: Mapping[str, Any], name: str) -> float | None:
    value: Any = figures
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value if isinstance(value, int | float) else None
