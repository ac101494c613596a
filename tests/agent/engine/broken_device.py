"""A process that breaks its GPU with an index out of range, and tells as JSON what came of it."""

import json
import os
import time
from collections.abc import Callable, Sequence

import torch

from agent.engine.base import Sampling
from agent.engine.loop import RunsSteps
from agent.engine.scores import Scores
from agent.engine.step import Span
from agent.errors import AskError
from tests.agent.engine.tiny import Bench


class Breaking(RunsSteps):
    """The thirtieth step reads behind the end of a table."""

    def __init__(self, runner: RunsSteps) -> None:
        self._runner = runner
        self._steps = 0
        self.broke = 0.0

    def run(self, spans: Sequence[Span], meanwhile: Callable[[], None]) -> Scores:
        """As the runner, until then."""
        self._steps += 1
        if self._steps == 30:
            self.broke = time.monotonic()
            table = torch.zeros(4, 4, device="cuda")
            torch.nn.functional.embedding(torch.tensor([1 << 20], device="cuda"), table)
            torch.cuda.synchronize()
        return self._runner.run(spans, meanwhile)


def error_of(wait: Callable[[], object]) -> str:
    """The name of the error that it raises."""
    try:
        wait()
    except AskError as error:
        return type(error).__name__
    return "none"


def main() -> None:
    """Ask two, one at a time, until the device breaks under the first."""
    made: list[Breaking] = []

    def wrap(runner: RunsSteps) -> RunsSteps:
        made.append(Breaking(runner))
        return made[0]

    bench = Bench(blocks=1000, device="cuda", dtype=torch.bfloat16, most_running=1, wrap=wrap)
    running, waiting = (bench.ask((1, 2, 3), sampling=Sampling(200)) for _ in range(2))
    while bench.loop.alive():
        time.sleep(0.001)
    gone = time.monotonic()
    errors = {
        "running": error_of(running.wait),
        "waiting": error_of(waiting.wait),
        "later": error_of(lambda: bench.ask((1, 2))),
    }
    print(json.dumps({"errors": errors, "not_alive_s": round(gone - made[0].broke, 4)}), flush=True)  # noqa: T201
    # The interpreter's own end would wait for the device.
    os._exit(0)


if __name__ == "__main__":
    main()
