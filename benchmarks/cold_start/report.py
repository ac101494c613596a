"""What the starts came to, as it is kept in a file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from benchmarks.measured import Measured


@dataclass(frozen=True, slots=True)
class Step:
    """Something that a process did, in seconds since it was started. Steps of several threads overlap."""

    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Start:
    """One process. Seconds since it was started; `phases_ms` are those that our own tells."""

    contestant: str
    cache: str
    ready_s: float
    answered_s: float
    answer: str
    phases_ms: dict[str, float] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Report:
    """All of them; `sdk` is whether the serverless SDK was imported too."""

    measured: Measured
    sdk: bool
    starts: list[Start]

    def of(self, contestant: str, cache: str) -> list[Start]:
        """The starts of one kind, the fastest first."""
        those = [one for one in self.starts if (one.contestant, one.cache) == (contestant, cache)]
        return sorted(those, key=lambda one: one.answered_s)

    def write(self, path: Path) -> None:
        """As JSON; the folder is made when missing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """What `write` wrote."""
        known = json.loads(path.read_text(encoding="utf-8"))
        starts = [Start(**one | {"steps": [Step(**step) for step in one["steps"]]}) for one in known["starts"]]
        return cls(Measured(**known["measured"]), known["sdk"], starts)


def middle(starts: Sequence[Start]) -> Start:
    """The process in the middle: its parts add up, which medians of parts do not."""
    return starts[(len(starts) - 1) // 2]
