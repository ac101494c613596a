"""Runs contestants in turn, each in a process of its own, round after round: a slow minute meets all of them."""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.engine.job import Load, Setup, Timing

_LONGEST_S = 3600


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a load in one round; seconds."""

    load: str
    wall: float
    timings: list[Timing]


@dataclass(frozen=True, slots=True)
class Round:
    """What one contestant did in one process.

    Attributes:
        start: seconds from the start of the process to the first answer.
        results: of the loads that it can do.
        failed: the last line of what it said when it failed, or empty.
    """

    contestant: str
    start: float
    results: list[Result]
    failed: str = ""


def run(contestant: str, python: str, setup: Setup, loads: Sequence[Load], spec: Path) -> Round:
    """One contestant in one process of the interpreter `python`."""
    spec.write_text(json.dumps({"setup": asdict(setup), "loads": [asdict(load) for load in loads]}), encoding="utf-8")
    began, start = time.perf_counter(), float("nan")
    results = []
    log = spec.with_suffix(".log")
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [python, "-m", "benchmarks.engine.worker", contestant, str(spec)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        for said in _lines(process):
            if "ready" in said:
                start = time.perf_counter() - began
            elif "wall" in said:
                results.append(Result(said["load"], said["wall"], [Timing(**one) for one in said["timings"]]))
        status = process.wait(_LONGEST_S)
    failed = "" if status == 0 else (log.read_text(encoding="utf-8").strip() or f"status {status}").splitlines()[-1]
    return Round(contestant, start, results, failed)


def _lines(process: "subprocess.Popen[str]") -> Iterator[Mapping[str, Any]]:
    """What the worker says; its libraries may say other things between."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith('{"benchmark"'):
            yield json.loads(line)["benchmark"]
