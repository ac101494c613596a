"""What the session log is checked for before it is published."""

import json
from typing import Any

import pytest

from tools.session_log import SESSION, Transcript, faults

KEY = "the-key-of-the-session"


def good_log() -> list[dict[str, Any]]:
    """One line of the start, and one for each request."""
    done = [{"event": "ask.done", "request_id": request.id, "outcome": request.outcome} for request in SESSION]
    return [{"event": "load.started", "attempt": 1}, *done]


def faults_of(records: list[dict[str, Any]]) -> list[str]:
    """The faults of a log with these lines."""
    return list(faults([json.dumps(record) for record in records], Transcript(KEY, answers=["The answer."])))


def test_a_good_log_has_no_faults() -> None:
    """One canonical line for each request, and nothing private, is as it should be."""
    assert [] == faults_of(good_log())


@pytest.mark.parametrize(
    "private", [KEY, "not-the-key-at-all", SESSION[0].body["question"], SESSION[1].body["question"], "The answer."]
)
def test_what_is_private_is_found(private: str) -> None:
    """A key, a question or an answer in any field of any line is a fault, even where JSON escapes its letters."""
    found = faults_of([*good_log(), {"event": "something", "detail": f"<{private}>"}])

    assert 1 == len(found)
    assert found[0].startswith("line 11 holds ")


@pytest.mark.parametrize("path", ["/home/someone/models", "/usr/lib/python3.11/json", "/tmp/store"])  # noqa: S108
def test_a_path_of_the_machine_is_found(path: str) -> None:
    """An absolute path in a line is a fault; a route of the API is none."""
    found = faults_of([*good_log(), {"event": "something", "file": path}, {"event": "other", "route": "/v1/ask"}])

    assert [f"line 11 names a path: {json.dumps({'event': 'something', 'file': path})}"] == found


def test_a_line_that_is_not_json_is_found() -> None:
    """A warning that some library printed past the logger is a fault."""
    lines = [*map(json.dumps, good_log()), "UserWarning: something"]

    assert ["line 11 is not JSON"] == list(faults(lines, Transcript(KEY)))


def test_each_request_leaves_one_line_with_its_outcome() -> None:
    """A missing line, a second one, another outcome and an id that nobody sent are four faults."""
    log = good_log()
    first, second, third = (request.id for request in SESSION[:3])
    log = [record for record in log if record.get("request_id") != first]
    log.append({"event": "ask.done", "request_id": second, "outcome": "answered"})
    next(record for record in log if record.get("request_id") == third)["outcome"] = "internal_error"
    log.append({"event": "ask.done", "request_id": "a-stranger", "outcome": "answered"})

    assert [first, second, third, "a-stranger"] == [fault.partition(":")[0] for fault in faults_of(log)]
