"""`python -m benchmarks.engine.worker NAME SPEC`: one contestant in a process of its own; a JSON line for each load."""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.engine.contestants import make
from benchmarks.engine.job import Job, Load, Setup

_WARM = Load("warm", [Job(list(range(100, 132)), 4)], 1)


def main(name: str, spec: Path) -> int:
    """Exit status."""
    content = json.loads(spec.read_text(encoding="utf-8"))
    contestant = make(name, Setup(**content["setup"]))
    contestant.run(_WARM)
    _say(ready=True)
    for known in content["loads"]:
        load = Load(**known | {"jobs": [Job(**job) for job in known["jobs"]]})
        began = time.perf_counter()
        try:
            timings = contestant.run(load)
        except NotImplementedError as error:
            _say(load=load.name, cannot=str(error))
            continue
        _say(load=load.name, wall=time.perf_counter() - began, timings=[asdict(timing) for timing in timings])
    contestant.close()
    return 0


def _say(**content: Any) -> None:  # noqa: ANN401 - JSON
    sys.stdout.write(json.dumps({"benchmark": content}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
