"""A job's result for a person to read, in local mode."""

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from agent.ask.failure import Failure
from agent.ask.printing import Printer
from agent.schemas import Answer


def report(
    job: dict[str, Any], result: dict[str, Any], console: Console, not_loaded: Mapping[str, Any] | None = None
) -> None:
    """Print the question and what `python -m agent.ask` would print of it: answer and sources, or the error.

    `not_loaded` is the `error` of `Runtime.health`: why there was nothing that could have answered.
    """
    question = job.get("input", {}).get("question") if isinstance(job.get("input"), dict) else None
    printer = Printer(console)
    console.print()
    printer.question(str(question))
    if "error" in result:
        hint = f"{not_loaded['code']}: {not_loaded['message']}" if not_loaded is not None else ""
        printer.failure(Failure(json.loads(result["error"])), hint)
    else:
        printer.answer(Answer.model_validate(result))
