"""What goes in and out of the service, the same on every transport."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

MAX_QUESTION_CHARS = 4000
MAX_HISTORY = 40
MAX_TOP_K = 20


def _stripped(text: str) -> str:
    """Without the space around it. As it comes it must be short enough, as the schema says; and then not empty."""
    stripped = text.strip()
    if not stripped:
        raise PydanticCustomError("string_too_short", "String should have at least 1 character")
    return stripped


Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_QUESTION_CHARS), AfterValidator(_stripped)]
Language = Literal["en", "es"]
Route = Literal["question", "followup", "compound", "corpus", "smalltalk"]
Strategy = Literal["extractive", "short", "grounded"]
Mode = Literal["auto", "extractive", "short", "grounded", "generative"]
BlockKind = Literal["paragraph", "heading", "item", "step", "header", "row", "code"]
Reason = Literal["out_of_corpus", "unsupported", "underspecified"]


class _Input(BaseModel):
    # strict: "5" is not 5 and 1 is not "1"; a caller who mixes them up learns it at once.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Output(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Message(_Input):
    """One earlier turn of the conversation."""

    role: Literal["user", "assistant"]
    content: Text


class TraceContext(_Input):
    """Whose trace the question belongs to (W3C Trace Context); one that is malformed begins a new trace."""

    traceparent: str | None = Field(default=None, max_length=256)


class AskRequest(_Input):
    """One question. Unknown fields are refused."""

    question: Text = Field(description="The question, 1 to 4,000 characters.")
    history: list[Message] = Field(
        default_factory=list, max_length=MAX_HISTORY, description="Earlier turns, oldest first."
    )
    adapter: str | None = Field(
        default=None,
        max_length=64,
        description="Name of a loaded LoRA adapter; null for the base model; left out for the service's default.",
    )
    top_k: int | None = Field(
        default=None, ge=1, le=MAX_TOP_K, description="Passages to read; left out for the service's default."
    )
    filters: dict[str, str] = Field(
        default_factory=dict,
        max_length=8,
        description="Read only documents whose field has this value: `source`, `title`, `language`, `format`, or a "
        "field of their front matter or properties.",
    )
    mode: Mode = Field(
        default="auto",
        description="How to answer. `auto`: by ANSWER_STRATEGY, which is derived from the model, and with quotes where "
        "the model's words do not stand. `extractive`, `short`, `grounded`: by this strategy, with quotes likewise. "
        "`generative`: in the model's words or not at all.",
    )
    language: Literal["auto", "en", "es"] = Field(
        default="auto", description="Language of the answer; `auto` is the language of the question."
    )
    max_tokens: int | None = Field(
        default=None, ge=1, le=4096, description="Most tokens to generate; left out for the service's default."
    )
    temperature: float = Field(default=0.0, ge=0.0, le=2.0, description="0 is greedy.")
    seed: int | None = Field(default=None, ge=0, le=2**63 - 1, description="Same seed, same answer.")
    stream: bool = Field(default=False, description="HTTP: send server-sent events as the answer is made.")
    trace: TraceContext | None = Field(
        default=None, description="Queue: the caller's trace; over HTTP the header `traceparent` says it."
    )
    timeout_s: float | None = Field(default=None, gt=0, le=600, description="Give up after this many seconds.")


class Place(_Output):
    """A span of a document, and the passage that it stands in."""

    source: str = Field(description="The document's path inside the ingested folder.")
    title: str
    heading: str = Field(description="The headings above the span, outermost first, joined by ` > `; may be empty.")
    date: str | None = Field(description="The document's date, as its front matter or properties write it.")
    page: int | None = Field(description="The page on which it begins, from 1; null where there are no pages.")
    line: int | None = Field(
        description="The line of the file on which it begins, from 1; null where the file is no plain text."
    )
    start: int = Field(description="Offset of the sentence in the document, in characters.")
    end: int
    passage: str = Field(description="The passage around it, as it stands in the document.")
    passage_start: int = Field(description="Offset of the passage in the document.")
    score: float = Field(description="How well the sentence matches the question, 0 to 1.")


class Citation(Place):
    """One span of a document: `text_of(source)[start:end] == quote`, exactly, and so is that part of `passage`."""

    id: int = Field(description="The number in square brackets in the answer.")
    quote: str


class AnswerBlock(_Output):
    """One block of the answer's Markdown: `answer[start:end] == text`.

    `text` is inline Markdown, without the marker in front of it (`- `, `1. `, `### `) and without the citation numbers
    behind it. A `header` or `row` is a table row, `| a | b`; its citation numbers stand in the last cell.
    """

    kind: BlockKind
    text: str
    start: int
    end: int
    depth: int = Field(default=0, ge=0, description="Of a nested `item` or `step`: 0 is the outermost list.")
    citations: list[int] = Field(description="Ids of the citations that support it; empty where it states no fact.")
    support: float | None = Field(
        description="How well what it cites supports it, 0 to 1; null where it states no fact of the documents."
    )


class Nearest(Place):
    """A passage that came closest when the documents do not hold the answer."""

    text: str = Field(description="The sentence of it that matches the question best.")


class Usage(_Output):
    """Tokens of this request; zero where no model was asked."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


class Timings(_Output):
    """Milliseconds of a monotonic clock; null where the step did not happen."""

    queue_ms: float | None = None
    retrieval_ms: float | None = None
    time_to_first_token_ms: float | None = None
    generation_ms: float | None = None
    total_ms: float = 0.0


class TraceStep(_Output):
    """What one agent decided, and how long it took."""

    name: str
    decision: str
    ms: float
    details: dict[str, Any] = Field(default_factory=dict)


class Answer(_Output):
    """The whole answer. `abstained` means that there is none; then nothing is cited."""

    answer: str = Field(description="The answer, as Markdown.")
    blocks: list[AnswerBlock] = Field(description="The blocks of the answer in order, each with its citations.")
    abstained: bool
    reason: Reason | None = Field(
        description="Why it abstained: `out_of_corpus`, nothing in the documents comes close enough to the question; "
        "`unsupported`, something does but nothing could be verified as the answer; `underspecified`, the question "
        "does not say what it is about. null unless abstained."
    )
    nearest: list[Nearest] = Field(description="When abstained: the passages that came closest.")
    citations: list[Citation]
    grounded: bool = Field(description="Every block of the answer that states a fact is supported by a citation.")
    confidence: float = Field(
        ge=0.0, le=1.0, description="Calibrated probability that the answer is right; of an abstention, that the "
        "best passage would have answered."
    )  # fmt: skip
    language: Language
    route: Route
    model: str
    adapter: str | None
    index: str | None
    usage: Usage
    timings: Timings
    cold_start: bool = Field(description="This is the first question since the process started.")
    request_id: str
    trace: list[TraceStep]


class StatusEvent(_Output):
    """An agent has finished its step."""

    type: Literal["status"] = "status"
    step: TraceStep


class Source(_Output):
    """A passage that the answer will be made from."""

    source: str
    title: str
    heading: str
    page: int | None
    score: float


class SourcesEvent(_Output):
    """The passages that were found, before the first word of the answer."""

    type: Literal["sources"] = "sources"
    sources: list[Source]


class DeltaEvent(_Output):
    """A piece of the draft, as the model writes it. The verified answer is in `FinalEvent` and may differ."""

    type: Literal["delta"] = "delta"
    text: str


class CitationEvent(_Output):
    """One quote of the verified answer."""

    type: Literal["citation"] = "citation"
    citation: Citation


class VerificationEvent(_Output):
    """What the draft came to; the fields are those of the answer."""

    type: Literal["verification"] = "verification"
    abstained: bool
    reason: Reason | None
    grounded: bool
    confidence: float


class FinalEvent(_Output):
    """The verified answer; always last."""

    type: Literal["final"] = "final"
    answer: Answer


AskEvent = StatusEvent | SourcesEvent | DeltaEvent | CitationEvent | VerificationEvent | FinalEvent


def closing_events(answer: Answer) -> list[AskEvent]:
    """The last events of an answer: its citations, what it was found to be, and the whole of it."""
    verification = VerificationEvent(
        abstained=answer.abstained, reason=answer.reason, grounded=answer.grounded, confidence=answer.confidence
    )
    return [*(CitationEvent(citation=one) for one in answer.citations), verification, FinalEvent(answer=answer)]
