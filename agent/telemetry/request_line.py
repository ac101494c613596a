"""Who asks, and the one canonical log line that every request leaves."""

import re
import uuid
from dataclasses import dataclass

from agent.errors import AskError
from agent.quotas import UNLIMITED, Quota
from agent.schemas import Answer, AskRequest
from agent.telemetry.logs import get_logger
from agent.telemetry.metrics import count_outcome, count_work
from agent.telemetry.tracing import trace_id

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request came from.

    Attributes:
        request_id: of this request; in its log lines and in what it gets.
        transport: http, queue or cli.
        key_id: names a key, and is not the key.
        job_id: of the queue's job.
        quota: what the key may ask for.
        idempotency_key: who asks again under it gets the same answer.
        timeout_s: longest time that whoever brought the request gives it; None for no limit.
        traceparent: of the span that the request belongs to, where that is not this task's.
    """

    request_id: str
    transport: str
    key_id: str | None = None
    job_id: str | None = None
    quota: Quota = UNLIMITED
    idempotency_key: str | None = None
    timeout_s: float | None = None
    traceparent: str | None = None


def request_id_from(candidate: str | None) -> str:
    """`candidate` if it is safe to log and to send back (1-64 of A-Z a-z 0-9 . _ -), else a new id."""
    if candidate is not None and _REQUEST_ID.fullmatch(candidate):
        return candidate
    return uuid.uuid4().hex


def outcome_of(answer: Answer) -> str:
    """As the line says it."""
    return "abstained" if answer.abstained else "answered"


def count_answer(caller: Caller, answer: Answer, *, replayed: bool) -> None:
    """Count a question that got an answer, and what it took unless it had been made before."""
    count_outcome(caller.transport, outcome_of(answer))
    if not replayed:
        count_work(caller.transport, answer.timings, answer.usage)


def log_answer(caller: Caller, request: AskRequest, answer: Answer, *, replayed: bool, log_content: bool) -> None:
    """The line of a question that got an answer, which is counted."""
    count_answer(caller, answer, replayed=replayed)
    get_logger().info(
        "ask.done",
        outcome=outcome_of(answer),
        route=answer.route,
        mode=request.mode,
        reason=answer.reason,
        language=answer.language,
        model=answer.model,
        adapter=answer.adapter,
        index=answer.index,
        citations=len(answer.citations),
        grounded=answer.grounded,
        confidence=round(answer.confidence, 3),
        cold_start=answer.cold_start,
        replayed=replayed,
        **_caller_fields(caller),
        **answer.usage.model_dump(),
        **answer.timings.model_dump(),
        **({"question": request.question, "answer": answer.answer} if log_content else {}),
    )


def log_refusal(caller: Caller, error: AskError, *, total_ms: float = 0.0) -> None:
    """The line of a request that got an error instead. `detail` is what only the operator may read."""
    count_outcome(caller.transport, error.code)
    log = get_logger().error if error.status >= 500 else get_logger().warning
    log(
        "ask.done",
        outcome=error.code,
        status=error.status,
        retryable=error.retryable,
        reason=error.reason,
        param=error.param,
        detail=error.detail or None,
        total_ms=total_ms,
        **_caller_fields(caller),
    )


def log_cancelled(caller: Caller, *, total_ms: float) -> None:
    """The line of a request whose caller left before the answer was ready."""
    count_outcome(caller.transport, "cancelled")
    get_logger().info("ask.done", outcome="cancelled", total_ms=total_ms, **_caller_fields(caller))


def _caller_fields(caller: Caller) -> dict[str, str | None]:
    return {
        "request_id": caller.request_id,
        "job_id": caller.job_id,
        "key_id": caller.key_id,
        "transport": caller.transport,
        "trace_id": trace_id(),
    }
