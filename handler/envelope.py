"""A job in, a job's output out, as the platform's SDK wants them.

A job is `{"id": ..., "input": {...}}`. The SDK posts what the handler returns as `output`, except for a top-level
`error`, which must be a *string*: a dict would be shown as a completed job (runpod-python issue 299). It also removes
keys from the object it is given, so every output is a fresh one.
"""

import json
from typing import Any

from agent.errors import AskError, MalformedBody
from agent.schemas import Answer, AskRequest
from agent.telemetry.request_line import Caller, request_id_from
from agent.validation import parse_request


def caller_of(job: object) -> Caller:
    """Who asks. The job's id is the request's id if it is safe to log; else the request gets one of its own.

    A job that is delivered again is the same question: its id is its idempotency key.
    """
    job = job if isinstance(job, dict) else {}
    job_id = job.get("id")
    request_id = request_id_from(job_id if isinstance(job_id, str) else None)
    return Caller(
        request_id=request_id, transport="queue", job_id=request_id,
        idempotency_key=f"job:{request_id}" if request_id == job_id else None, timeout_s=_timeout_s(job),
    )  # fmt: skip


def traceparent_of(job: object) -> str | None:
    """The caller's trace, which has no header here: `input.trace.traceparent`."""
    given = job.get("input") if isinstance(job, dict) else None
    trace = given.get("trace") if isinstance(given, dict) else None
    parent = trace.get("traceparent") if isinstance(trace, dict) else None
    return parent if isinstance(parent, str) else None


def _timeout_s(job: dict[str, Any]) -> float | None:
    """What the job's policy lets it run for, in seconds; the platform hands on what its client sent."""
    policy = job.get("policy")
    given = policy.get("executionTimeout") if isinstance(policy, dict) else None
    if isinstance(given, bool) or not isinstance(given, int | float) or given <= 0:
        return None
    return given / 1000


def request_of(job: object) -> AskRequest:
    """The question in a job.

    Raises:
        InvalidRequest: there is no `input`, it is not an object, or a field of it is not valid.
    """
    if not isinstance(job, dict) or not isinstance(job.get("input"), dict):
        raise MalformedBody("The job's input must be one JSON object.", param="input")
    return parse_request(job["input"])


def output_of(answer: Answer) -> dict[str, Any]:
    """The job's output: the answer, the same object as over HTTP."""
    return answer.model_dump(mode="json")


def failure_of(error: AskError, caller: Caller) -> dict[str, Any]:
    """The job's failure: the problem object of HTTP, as a JSON string."""
    return {"error": json.dumps(error.problem(caller.request_id), ensure_ascii=False)}
