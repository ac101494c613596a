"""What the process says when it ends."""

import pytest

from agent.ask.failure import BAD_INPUT, FAILED, Failure
from agent.errors import (
    AskError,
    DeadlineExceeded,
    InvalidRequest,
    NoLanguageModel,
    Overloaded,
    QuotaExceeded,
    Unauthorized,
    UnknownAdapter,
    UnknownFilter,
)


@pytest.mark.parametrize(
    ("status", "errors"),
    [
        (BAD_INPUT, (InvalidRequest, UnknownAdapter, UnknownFilter, NoLanguageModel, Unauthorized)),
        (FAILED, (Overloaded, DeadlineExceeded, QuotaExceeded, AskError)),
    ],
)
def test_what_the_caller_can_mend_is_told_from_what_may_pass(status: int, errors: tuple[type[AskError], ...]) -> None:
    """A script asks again after the one, and not after the other."""
    assert {status} == {Failure.of(error(), "r-1").exit_status for error in errors}


@pytest.mark.parametrize("problem", [{}, {"status": "422"}, {"detail": 7, "retryable": "no", "reason": []}])
def test_a_problem_that_a_server_sent_may_have_any_form(problem: dict[str, object]) -> None:
    """It is a failure all the same."""
    assert ("internal_error", FAILED) == (Failure(problem).code, Failure(problem).exit_status)
