"""The trace of an answer, as a person reads it: steps, decisions, times, and what they worked with."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from agent.ask.clean import clean_line
from agent.ask.printing import Printer
from agent.schemas import Answer, TraceStep

_SCORES = ("dense", "lexical", "fused", "reranked")
# What has lines of its own.
_LISTED = ("parts", "sentences", "context", "dropped")


def print_trace(answer: Answer, printer: Printer) -> None:
    """One line for each step; under it the queries with their passages, and the sentences that the model read."""
    for step in answer.trace:
        headline = Text(_headline(step), "bold")
        if values := _values(step.details):
            headline.append(f"  {values}", "not bold dim")
        printer.wrapped(headline)
        for indent, line in _lines(step.details):
            printer.wrapped(Text(line), indent)
    total = f"{'total':<9}  {'':<10} {answer.timings.total_ms:9.1f} ms"
    printer.wrapped(Text(total, "bold").append(f"  request {clean_line(answer.request_id)}", "not bold dim"))


def _headline(step: TraceStep) -> str:
    return f"{clean_line(step.name):<9}  {clean_line(step.decision):<10} {step.ms:9.1f} ms"


def _values(details: Mapping[str, Any]) -> str:
    return clean_line(" · ".join(f"{key} {value}" for key, value in details.items() if key not in _LISTED))


def _lines(details: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Indents and lines. What a server of another version says in another form is left out."""
    for part in _objects(details.get("parts")):
        for query in part.get("queries") or ():
            yield 4, f"query  “{clean_line(str(query))}”"
        yield 4, _values({key: part[key] for key in ("coverage", "relevance", "confidence") if key in part})
        for passage in _objects(part.get("passages")):
            scores = {name: passage[name] for name in _SCORES if passage.get(name) is not None}
            yield 6, f"{_where(passage)}  {_values(scores)}"
    for passage in _objects(details.get("context")):
        yield 6, f"{_where(passage)}  {passage.get('tokens')} tokens  {clean_line(str(passage.get('heading')))}"
    for claim in details.get("dropped") or ():
        yield 6, f"dropped  “{clean_line(str(claim))}”"
    for sentence in _objects(details.get("sentences")):
        text = clean_line(str(sentence.get("text")))
        yield 6, f"{_where(sentence)}  cosine {sentence.get('cosine')}  “{text}”"


def _where(place: Mapping[str, Any]) -> str:
    return clean_line(f"{place.get('source')} at character {place.get('start')}")


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
