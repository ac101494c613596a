"""Every error a caller can meet.

    AskError                      code                  status  retryable
    + InvalidRequest              invalid_request       422     no
    |   x MalformedBody           malformed_body        400     no
    |   x PayloadTooLarge         payload_too_large     413     no
    |   x UnsupportedMediaType    unsupported_media_type 415    no
    |   x UnknownAdapter          unknown_adapter       422     no
    |   x UnknownModel            unknown_model         404     no
    |   x UnknownFilter           unknown_filter        422     no
    |   x PromptTooLong           prompt_too_long       422     no
    |   x NoLanguageModel         no_language_model     422     no
    |   x PoisonJob               poison_job            422     no
    + Unauthorized                unauthorized          401     no
    + Forbidden                   forbidden             403     no
    + NotFound                    not_found             404     no
    + MethodNotAllowed            method_not_allowed    405     no
    + IdempotencyConflict         idempotency_conflict  409     no
    + TooManyAttempts             too_many_attempts     429     yes
    + QuotaExceeded               quota_exceeded        429     yes
    + Unavailable                 unavailable           503     yes
    |   x ModelUnavailable        model_unavailable     503     yes
    |   x Overloaded              overloaded            503     yes
    |   x Draining                draining              503     yes
    + DeadlineExceeded            deadline_exceeded     504     yes
    + InternalError               internal_error        500     yes
    |   x GenerationFailed        generation_failed     500     yes

Why the service could not load is another matter: `agent.load_errors`.

`message` is written for the caller: no path, host name, key, question or Python text ever goes into it. What the
operator needs goes to the exception's ordinary arguments (`detail`) and from there to the log.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

MOST_DETAIL = 100


class AskError(Exception):
    """Base of what a caller may see: a code, a safe sentence, and whether asking again can help."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    retry_after_s: int | None = None
    message: str = "Something went wrong on our side."

    def __init__(
        self, message: str | None = None, *, param: str | None = None, reason: str | None = None, detail: str = "",
        retry_after_s: int | None = None,
    ) -> None:  # fmt: skip
        self.message = message or self.message
        self.retry_after_s = retry_after_s or self.retry_after_s
        self.param = param
        self.reason = reason
        # What a library says may go on with what it was given, which is somebody's question or document.
        self.detail = detail[:MOST_DETAIL]
        super().__init__(self.detail or self.message)

    def problem(self, request_id: str) -> dict[str, Any]:
        """The body of a caller's error, as in RFC 9457 with the members `code`, `request_id` and `retryable`.

        The same object is the HTTP body (`application/problem+json`) and, as a JSON string, a job's `error`.
        """
        body: dict[str, Any] = {
            "type": f"urn:askpod:error:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.message,
            "instance": f"urn:askpod:request:{request_id}",
            "code": self.code,
            "request_id": request_id,
            "retryable": self.retryable,
        }
        extra = {"param": self.param, "reason": self.reason, "retry_after_s": self.retry_after_s}
        return body | {name: value for name, value in extra.items() if value is not None}


class InvalidRequest(AskError):
    """A field is missing, unknown, of the wrong type or out of range."""

    code = "invalid_request"
    status = 422
    message = "The request is not valid."


class MalformedBody(InvalidRequest):
    """The body is not JSON, or not an object."""

    code = "malformed_body"
    status = 400
    message = "The body must be one JSON object."


class PayloadTooLarge(InvalidRequest):
    """The body is larger than `MAX_BODY_BYTES`."""

    code = "payload_too_large"
    status = 413
    message = "The body is too large."


class UnsupportedMediaType(InvalidRequest):
    """The body is declared as something other than JSON."""

    code = "unsupported_media_type"
    status = 415
    message = "Send the body as application/json."


class UnknownAdapter(InvalidRequest):
    """There is no adapter of this name, or it does not fit the base model."""

    code = "unknown_adapter"
    message = "There is no adapter of this name."


class UnknownModel(InvalidRequest):
    """`model`, as OpenAI's clients name it, is neither the base model, nor an adapter, nor the default."""

    code = "unknown_model"
    status = 404
    message = "There is no model of this name; GET /v1/models lists them."


class UnknownFilter(InvalidRequest):
    """A filter names a field that documents do not have."""

    code = "unknown_filter"
    message = "Documents cannot be filtered by this field."


class PromptTooLong(InvalidRequest):
    """The prompt and the answer cannot fit the model's context together."""

    code = "prompt_too_long"
    message = "The question, its history and the passages do not fit the model's context."


class NoLanguageModel(InvalidRequest):
    """The service was started without a language model, and the request asks for its words."""

    code = "no_language_model"
    message = "No language model is loaded; ask with mode auto or extractive."


class PoisonJob(InvalidRequest):
    """Workers died of this job before; it is not tried again."""

    code = "poison_job"
    message = "This job has ended the process that worked on it twice; it is not tried again."


class Unauthorized(AskError):
    """The key is missing or wrong."""

    code = "unauthorized"
    status = 401
    message = "Send a valid key in the X-API-KEY header."


class Forbidden(AskError):
    """The key is valid, but not for this."""

    code = "forbidden"
    status = 403
    message = "This key may not do that."


class NotFound(AskError):
    """There is nothing at this path."""

    code = "not_found"
    status = 404
    message = "There is nothing here."


class MethodNotAllowed(AskError):
    """The path exists, but not for this method."""

    code = "method_not_allowed"
    status = 405
    message = "This path does not take this method."


class IdempotencyConflict(AskError):
    """The same `Idempotency-Key`, or job id, came with another question before."""

    code = "idempotency_conflict"
    status = 409
    message = "Another question was asked under this idempotency key; use a new one."


class TooManyAttempts(AskError):
    """An address has come with too many wrong keys; one that is right is let in all the same."""

    code = "too_many_attempts"
    status = 429
    retryable = True
    message = "Too many wrong keys came from this address. Wait before trying another one."


class QuotaExceeded(AskError):
    """The key asks for more than it may; others are not affected."""

    code = "quota_exceeded"
    status = 429
    retryable = True
    retry_after_s = 1
    message = "This key has asked too much at once. Wait before asking again."


class Unavailable(AskError):
    """The service cannot answer now, and may later."""

    code = "unavailable"
    status = 503
    retryable = True
    retry_after_s = 5
    message = "The service cannot answer right now. Try again shortly."


class ModelUnavailable(Unavailable):
    """The model, an adapter or the store is not loaded (yet); `reason` is the code of a `LoadError`."""

    code = "model_unavailable"
    message = "The model is not loaded. Loading is tried again; ask later."


class Overloaded(Unavailable):
    """Every permit and every place in the queue is taken."""

    code = "overloaded"
    retry_after_s = 2
    message = "Too many questions at once. Try again shortly."


class Draining(Unavailable):
    """The process is about to stop: it finishes what runs and takes nothing new; another one may answer."""

    code = "draining"
    message = "This server is about to stop. Ask again; another one may answer."


class DeadlineExceeded(AskError):
    """The answer was not ready within `timeout_s`."""

    code = "deadline_exceeded"
    status = 504
    retryable = True
    message = "The answer was not ready in time."


class InternalError(AskError):
    """Anything that nobody foresaw; the log has the traceback under the request id."""

    retryable = True


class GenerationFailed(InternalError):
    """The engine failed while it generated this answer."""

    code = "generation_failed"
    message = "The model failed while it wrote this answer."


def error_of(problem: Mapping[str, Any]) -> AskError:
    """The error whose `problem` this is, as another process told it; `InternalError` for one that is unknown here."""
    kinds = [AskError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    kind = next((kind for kind in reversed(kinds) if kind.code == problem.get("code")), InternalError)
    return kind(problem.get("detail"), param=problem.get("param"), reason=problem.get("reason"))
