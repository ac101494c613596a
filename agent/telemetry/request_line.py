"""Who asks, and the one canonical log line that every request leaves."""

import re
import uuid
from dataclasses import dataclass

from agent.errors import AskError
from agent.schemas import Answer, AskRequest
from agent.telemetry.logs import get_logger

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request came from. `key_id` names a key and is not the key."""

    request_id: str
    transport: str
    key_id: str | None = None
    job_id: str | None = None


def request_id_from(candidate: str | None) -> str:
    """`candidate` if it is safe to log and to send back (1-64 of A-Z a-z 0-9 . _ -), else a new id."""
    if candidate is not None and _REQUEST_ID.fullmatch(candidate):
        return candidate
    return uuid.uuid4().hex


def log_answer(caller: Caller, request: AskRequest, answer: Answer, *, log_content: bool) -> None:
    """The line of a question that got an answer."""
    get_logger().info(
        "ask.done",
        outcome="abstained" if answer.abstained else "answered",
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
        **_caller_fields(caller),
        **answer.usage.model_dump(),
        **answer.timings.model_dump(),
        **({"question": request.question, "answer": answer.answer} if log_content else {}),
    )


def log_refusal(caller: Caller, error: AskError, *, total_ms: float = 0.0) -> None:
    """The line of a request that got an error instead. `detail` is what only the operator may read."""
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
    get_logger().info("ask.done", outcome="cancelled", total_ms=total_ms, **_caller_fields(caller))


def _caller_fields(caller: Caller) -> dict[str, str | None]:
    return {
        "request_id": caller.request_id,
        "job_id": caller.job_id,
        "key_id": caller.key_id,
        "transport": caller.transport,
    }
