"""Answers for tests of what is printed of them."""

from typing import Any

from agent.schemas import Answer, AnswerBlock, Citation, Nearest, Timings, TraceStep, Usage


def place(**changes: Any) -> dict[str, Any]:
    """Where a sentence of a guide stands."""
    return {
        "source": "guide.md", "title": "Guide", "heading": "Guide > The server", "date": None, "page": None,
        "line": 5, "start": 9, "end": 12, "passage": "", "passage_start": 9, "score": 0.5,
    } | changes  # fmt: skip


def answered(text: str = "It listens on port 8000. [1]", *, quote: str = "Port 8000.", **changes: Any) -> Answer:
    """An answer with one source, which `changes` are of."""
    words = text.removesuffix(" [1]")
    cited = [1] if words != text else []
    block = AnswerBlock(kind="paragraph", text=words, start=0, end=len(words), citations=cited, support=0.9)
    return _answer(text, blocks=[block], citations=[Citation(id=1, quote=quote, **place(**changes))])


def abstained(text: str = "Port 8000.", **changes: Any) -> Answer:
    """No answer, with one passage that came close."""
    nearest = [Nearest(text=text, **place(**changes))]
    return _answer("The documents do not say.", abstained=True, reason="out_of_corpus", nearest=nearest)


def _answer(text: str, **changes: Any) -> Answer:
    made: dict[str, Any] = {
        "answer": text, "blocks": [], "abstained": False, "reason": None, "nearest": [], "citations": [],
        "grounded": True, "confidence": 0.662, "language": "en", "route": "question", "model": "scripted",
        "adapter": None, "index": "c0ffee", "usage": Usage(prompt_tokens=89, completion_tokens=7),
        "timings": Timings(total_ms=321.0), "cold_start": False, "request_id": "r-1",
        "trace": [TraceStep(name="router", decision="question", ms=1.5, details={"language": "en"})],
    }  # fmt: skip
    return Answer(**(made | changes))
