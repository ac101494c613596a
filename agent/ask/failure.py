"""Why there is no answer, and what the process says of it when it ends.

ANSWERED     0    the answer, with its sources
FAILED       1    the models are not loaded, the server cannot be reached, an error that is not the caller's
BAD_INPUT    2    an option, a setting, the question, its adapter, a filter or the key is not right
ABSTAINED    3    the documents do not hold the answer
INTERRUPTED  130  Ctrl-C, as shells have it
CLOSED       141  whoever read the output has left (`| head`), as shells have it
"""

from collections.abc import Mapping
from typing import Any

from agent.errors import AskError

ANSWERED = 0
FAILED = 1
BAD_INPUT = 2
ABSTAINED = 3
INTERRUPTED = 130
CLOSED = 141


class Failure(Exception):
    """A question that got an error instead of an answer.

    Args:
        problem: as `AskError.problem`, made here or sent by a server; what is missing in it is made up for.
    """

    def __init__(self, problem: Mapping[str, Any]) -> None:
        self.problem = dict(problem)
        self.code = str(problem.get("code", AskError.code))
        self.detail = str(problem.get("detail", AskError.message))
        self.reason = None if problem.get("reason") is None else str(problem["reason"])
        self.request_id = str(problem.get("request_id", ""))
        status = problem.get("status")
        self.status = status if isinstance(status, int) else AskError.status
        super().__init__(f"{self.code}: {self.detail}")

    @classmethod
    def of(cls, error: AskError, request_id: str) -> "Failure":
        """An error of this process."""
        return cls(error.problem(request_id))

    @property
    def exit_status(self) -> int:
        """`BAD_INPUT` for what the same question would meet again, `FAILED` for what may pass."""
        caused_by_caller = 400 <= self.status < 500 and self.problem.get("retryable") is not True
        return BAD_INPUT if caused_by_caller else FAILED
