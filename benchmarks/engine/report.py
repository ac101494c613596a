"""What the rounds came to, as it is kept in a file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.engine.job import Timing
from benchmarks.engine.run import Result, Round
from benchmarks.measured import Measured


@dataclass(frozen=True, slots=True)
class Report:
    """All rounds; `model` is what every contestant ran, in words."""

    measured: Measured
    model: str
    rounds: Sequence[Round]

    def contestants(self) -> list[str]:
        """Those that did anything, in their order."""
        return list(dict.fromkeys(one.contestant for one in self.rounds if one.results))

    def write(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """What `write` wrote."""
        known = json.loads(path.read_text(encoding="utf-8"))
        return cls(Measured(**known["measured"]), known["model"], [_round(one) for one in known["rounds"]])


def _round(known: dict[str, Any]) -> Round:
    results = [
        Result(one["load"], one["wall"], [Timing(**each) for each in one["timings"]]) for one in known["results"]
    ]
    return Round(**known | {"results": results})
