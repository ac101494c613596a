"""What is kept of an answer: everything the report needs, as JSON values."""

from collections.abc import Callable
from typing import Any, TypedDict

from agent.schemas import Answer
from evaluation.squad import contains_gold, exact_match, f1
from evaluation.subject import Asked

TextOf = Callable[[str], str | None]


class Record(TypedDict):
    """One question's outcome; `em` and `f1` are None where no gold answer is known.

    `relevance` and `confidence` are the product's own, from 0 to 1.
    """

    abstained: bool
    reason: str | None
    relevance: float
    confidence: float
    em: float | None
    f1: float | None
    right: bool
    quotes: int
    valid: int
    cites_gold: bool
    language: str
    retrieval_ms: float | None
    total_ms: float
    answer: str


def record_of(asked: Asked, answer: Answer, text_of: TextOf) -> Record:
    """Compare an answer with what is known. An abstention has no words, so it matches no gold answer."""
    said = "" if answer.abstained else " ".join(block.text for block in answer.blocks)
    gold = asked.answers if asked.answerable else ()
    # An unanswerable question as SQuAD 2.0 counts it. Where only the place is known, words cannot be compared.
    nothing = None if asked.answerable else float(answer.abstained)
    valid = [_is_in_source(text_of(quote.source), quote.start, quote.end, quote.quote) for quote in answer.citations]
    cites = any(asked.is_gold(quote.source, quote.start, quote.end) for quote in answer.citations)
    return Record(
        abstained=answer.abstained,
        reason=answer.reason,
        relevance=_relevance(answer),
        confidence=answer.confidence,
        em=exact_match(said, gold, answer.language) if gold else nothing,
        f1=f1(said, gold, answer.language) if gold else nothing,
        right=_is_right(asked, answer, said, cites),
        quotes=len(valid),
        valid=sum(valid),
        cites_gold=cites,
        language=answer.language,
        retrieval_ms=answer.timings.retrieval_ms,
        total_ms=answer.timings.total_ms,
        answer=answer.answer,
    )


def _is_right(asked: Asked, answer: Answer, said: str, cites_gold: bool) -> bool:
    """The answer has a gold answer in it; where none is known, it quotes the place that holds it."""
    if not asked.answerable or answer.abstained:
        return False
    return contains_gold(said, asked.answers, answer.language) if asked.answers else cites_gold


def _is_in_source(text: str | None, start: int, end: int, quote: str) -> bool:
    """Byte for byte: the same characters have the same bytes."""
    return text is not None and text[start:end].encode() == quote.encode()


def _relevance(answer: Answer) -> float:
    """The best relevance of any part of the question; 0 when nothing was searched."""
    steps: list[dict[str, Any]] = [step.details for step in answer.trace if step.name == "retriever"]
    return max((part["relevance"] for details in steps for part in details["parts"]), default=0.0)
