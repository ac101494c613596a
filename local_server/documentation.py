"""What /docs says beyond what FastAPI can read from the code: examples, errors, the key."""

import json
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from agent import errors
from agent.schemas import (
    Answer,
    AnswerBlock,
    AskRequest,
    Citation,
    DeltaEvent,
    Language,
    Nearest,
    Source,
    SourcesEvent,
    StatusEvent,
    Timings,
    TraceStep,
    Usage,
    closing_events,
)
from local_server.auth import HEADER
from local_server.problems import Problem, documented

DESCRIPTION = """Answers questions from your own documents, with your own LoRA.

Every answer cites the sentences it was made from, byte for byte; when the documents do not hold the answer, it says so.
Ask in English or in Spanish. Every error is an `application/problem+json` with a `code` and a `request_id`. An
unknown path is `not_found` (404), and a method that a path does not take is `method_not_allowed` (405).

OpenAI's clients find `/v1/chat/completions` and `/v1/models` here, with errors in their shape; a `model` that nobody
knows is `unknown_model` (404). The serverless platform is under `/v2`; a job that has ended two processes is
`poison_job` (422) there."""

ASK_PATH = "/v1/ask"
_REF = "#/components/schemas/{model}"
_KEY_SCHEME = "key"


def _request(summary: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
    return {"summary": summary, "value": fields}


REQUESTS = {
    "english": _request("English", question="Which header carries the API key?"),
    "spanish": _request("Español", question="¿Qué cabecera lleva la clave de la API?"),
    "follow-up": _request(
        "A follow-up",
        question="And which setting changes it?",
        history=[{"role": "user", "content": "Which port does the HTTP server listen on?"}],
    ),
    "compound": _request("Two questions in one", question="What is LoRA and how does ingestion work?"),
    "extractive": _request(
        "Quotes only, from one document",
        question="Which header carries the API key?",
        mode="extractive",
        filters={"source": "api.md"},
    ),
    "unanswerable": _request("Not in the documents", question="Who won the football world cup of 1986?"),
    "streamed": _request("Server-sent events", question="Which header carries the API key?", stream=True),
}


def _answer(language: Language, source: str, title: str, quote: str, start: int) -> Answer:
    citation = Citation(
        id=1, source=source, title=title, heading="The API key", date=None, page=None, line=21, quote=quote,
        start=start, end=start + len(quote), passage=quote, passage_start=start, score=0.91,
    )  # fmt: skip
    block = AnswerBlock(kind="paragraph", text=quote, start=0, end=len(quote), citations=[1], support=1.0)
    names = {"router": "question", "retriever": "found", "answerer": "complete", "verifier": "model"}
    return Answer(
        answer=f"{quote} [1]",
        blocks=[block],
        abstained=False,
        reason=None,
        nearest=[],
        citations=[citation],
        grounded=True,
        confidence=0.88,
        language=language,
        route="question",
        model="SmolLM2-135M-Instruct",
        adapter="support",
        index="82ffee16f06d",
        usage=Usage(prompt_tokens=412, completion_tokens=14),
        timings=Timings(retrieval_ms=21.4, time_to_first_token_ms=310.2, generation_ms=694.7, total_ms=718.9),
        cold_start=False,
        request_id="7f3c9d",
        trace=[TraceStep(name=name, decision=decision, ms=1.0) for name, decision in names.items()],
    )


def _abstention() -> Answer:
    text, close = "The documents do not say.", "A worker takes several jobs at once."
    nearest = Nearest(
        source="serverless.md", title="Serverless workers", heading="Serverless workers > Scaling", date=None,
        page=None, line=14, text=close, start=310, end=310 + len(close), passage=close, passage_start=310, score=0.78,
    )  # fmt: skip
    block = AnswerBlock(kind="paragraph", text=text, start=0, end=len(text), citations=[], support=None)
    steps = {"router": "question", "retriever": "found", "verifier": "abstained"}
    return _answer("en", "", "", "", 0).model_copy(
        update={
            "answer": text,
            "blocks": [block],
            "abstained": True,
            "reason": "out_of_corpus",
            "nearest": [nearest],
            "citations": [],
            "grounded": False,
            "confidence": 0.02,
            "usage": Usage(),
            "timings": Timings(retrieval_ms=21.4, total_ms=23.0),
            "trace": [TraceStep(name=name, decision=decision, ms=1.0) for name, decision in steps.items()],
        }
    )


ANSWERS = {
    "english": _answer("en", "api.md", "The HTTP API", "The `X-API-KEY` header carries the API key.", 742),
    "spanish": _answer("es", "es/api.md", "La API HTTP", "La cabecera `X-API-KEY` lleva la clave de la API.", 815),
    "unanswerable": _abstention(),
}

_STREAM = (
    "".join(
        f"event: {event.type}\ndata: {event.model_dump_json()}\n\n"
        for event in (
            StatusEvent(step=ANSWERS["english"].trace[0]),
            SourcesEvent(
                sources=[Source(source="api.md", title="The HTTP API", heading="The key", page=None, score=0.91)]
            ),
            DeltaEvent(text="The `X-API-KEY`"),
            *closing_events(ANSWERS["english"]),
        )
    )
    + 'event: done\ndata: {"request_id": "7f3c9d"}\n\n'
)

_EXAMPLES = {
    name: {"summary": REQUESTS[name]["summary"], "value": json.loads(answer.model_dump_json())}
    for name, answer in ANSWERS.items()
}
# Of each event of a stream; what its data is, `event` says.
_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {
            "enum": ["status", "sources", "delta", "citation", "verification", "final", "done", "error"],
            "type": "string",
        },
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
_ANSWERED: dict[str, Any] = {
    "description": "The answer; as server-sent events `status`, `sources`, `delta`, `citation`, `verification`, "
    "`final` and `done` when it is streamed.",
    "content": {
        "application/json": {"examples": _EXAMPLES},
        "text/event-stream": {"schema": _EVENT, "example": _STREAM},
    },
}

# The body is read by hand, to answer what is wrong with it in our own words; OpenAPI learns about it here.
ASK_OPERATION: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": _REF.format(model=AskRequest.__name__)}, "examples": REQUESTS}
        },
    },
    "security": [{_KEY_SCHEME: []}],
}
ASK_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: _ANSWERED,
    **documented(
        errors.MalformedBody,
        errors.Unauthorized,
        errors.MethodNotAllowed,
        errors.PayloadTooLarge,
        errors.UnsupportedMediaType,
        errors.InvalidRequest,
        errors.UnknownAdapter,
        errors.UnknownFilter,
        errors.PromptTooLong,
        errors.NoLanguageModel,
        errors.Forbidden,
        errors.IdempotencyConflict,
        errors.TooManyAttempts,
        errors.QuotaExceeded,
        errors.InternalError,
        errors.GenerationFailed,
        errors.Unavailable,
        errors.ModelUnavailable,
        errors.Overloaded,
        errors.Draining,
        errors.DeadlineExceeded,
    ),
}


def openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's own description, with the schemas and the key that it cannot see in the code."""
    if app.openapi_schema is None:
        description = FastAPI.openapi(app)
        _, extra = models_json_schema([(AskRequest, "validation"), (Problem, "serialization")], ref_template=_REF)
        components = description["components"]
        components["schemas"].update(extra["$defs"])
        components["securitySchemes"] = {_KEY_SCHEME: {"type": "apiKey", "in": "header", "name": HEADER}}
        # FastAPI leaves out what is null, and a null is part of an answer.
        answered = description["paths"][ASK_PATH]["post"]["responses"]["200"]
        answered["content"]["application/json"]["examples"] = _EXAMPLES
        app.openapi_schema = description
    return app.openapi_schema
