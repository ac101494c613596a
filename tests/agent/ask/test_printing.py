"""What a person reads, on a terminal and in a file."""

import io
import os
from collections.abc import Callable

import pytest
from rich.console import Console
from rich.text import Text

from agent.ask.failure import Failure
from agent.ask.printing import Printer, console_on
from agent.ask.steps import print_trace
from agent.errors import ModelUnavailable, UnknownAdapter
from agent.schemas import Answer, TraceStep
from tests.agent.ask.answers import abstained, answered
from tests.agent.ask.test_clean import HOSTILE

FOOTER = "model scripted · adapter none · index c0ffee · confidence 0.66 · 89 + 7 tokens · 0.3 s"
LONG = "The server listens on a port that the settings name. " * 3


def in_a_file(show: Callable[[Printer], None]) -> str:
    stream = io.StringIO()
    show(Printer(console_on(stream)))
    return stream.getvalue()


def on_a_terminal(show: Callable[[Printer], None], width: int = 60) -> str:
    stream = io.StringIO()
    show(
        Printer(
            Console(
                file=stream,
                force_terminal=True,
                width=width,
                highlight=False,
                color_system="standard",
                _environ={**os.environ, "TERM": "xterm"},
            )
        )
    )
    return stream.getvalue()


def traced(answer: Answer, *steps: TraceStep) -> str:
    return in_a_file(lambda printer: print_trace(answer.model_copy(update={"trace": list(steps)}), printer))


def test_an_answer_is_shown_with_its_numbered_sources() -> None:
    """The answer first, then each source with its place and its quote, and what it was made with."""
    assert (
        f"It listens on port 8000. [1]\n\n  [1] guide.md:5  Guide > The server\n      “Port 8000.”\n\n{FOOTER}\n"
    ) == in_a_file(lambda printer: printer.answer(answered()))


def test_an_abstention_says_why_and_what_came_closest() -> None:
    """In words, and nobody can take the passages for an answer."""
    assert (
        "The documents do not say.\n\n"
        "Reason    out_of_corpus: nothing in the documents comes close enough to the question\n\n"
        "Nearest passages, none of which is verified as an answer:\n"
        "  - a.pdf:p3  Guide > The server\n"
        "      “Port 8000.”\n\n"
        f"{FOOTER}\n"
    ) == in_a_file(lambda printer: printer.answer(abstained(source="a.pdf", page=3, line=None)))


def test_in_a_file_every_quote_is_one_line() -> None:
    """A program that looks for it finds it."""
    text = in_a_file(lambda printer: printer.answer(answered(quote=f"{LONG}\n{LONG}")))
    assert f"      “{' '.join((LONG * 2).split())}”\n" in text
    assert "\x1b" not in text


def test_on_a_terminal_a_quote_is_wrapped_under_its_own_beginning() -> None:
    """No line is longer than the terminal is wide."""
    text = on_a_terminal(lambda printer: printer.wrapped(Text(LONG), 6), width=40)
    assert [] == [line for line in text.splitlines() if len(line.rstrip()) > 40 or not line.startswith(" " * 6)]
    assert LONG.split() == text.split()


def test_colours_are_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """And NO_COLOR keeps them from there."""
    monkeypatch.delenv("NO_COLOR", raising=False)

    def show(printer: Printer) -> None:
        printer.answer(answered())

    assert "\x1b[36m[1]\x1b[0m" in on_a_terminal(show)
    assert "\x1b" not in in_a_file(show)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in on_a_terminal(show)


def test_markup_in_documents_and_answers_stays_text() -> None:
    """Brackets are common in documents."""
    answer = answered("[bold]x[/] :smile: [1]", quote="[red]y[/red]", heading="[i]h", title="[t]", source="[s].md")
    text = in_a_file(lambda printer: printer.answer(answer))
    assert "[bold]x[/] :smile: [1]\n\n  [1] [s].md:5  [t] > [i]h\n      “[red]y[/red]”\n" in text


def test_no_document_and_no_server_gives_orders_to_the_terminal() -> None:
    """Whatever of an answer, a passage, a trace or an error they have written."""
    answer, nothing = answered(HOSTILE, quote=HOSTILE, source=HOSTILE, heading=HOSTILE), abstained(HOSTILE)
    failure = Failure({"code": HOSTILE, "detail": HOSTILE, "request_id": HOSTILE, "reason": HOSTILE})
    steps = TraceStep(name=HOSTILE, decision=HOSTILE, ms=1, details={HOSTILE: HOSTILE,
        "parts": [{"queries": [HOSTILE], "passages": [{"source": HOSTILE, "fused": HOSTILE}], "relevance": HOSTILE}],
        "sentences": [{"source": HOSTILE, "text": HOSTILE, "cosine": HOSTILE}]
    })  # fmt: skip
    printed = [
        in_a_file(lambda printer: printer.answer(answer)),
        in_a_file(lambda printer: printer.answer(nothing)),
        in_a_file(lambda printer: printer.question(HOSTILE)),
        in_a_file(lambda printer: printer.failure(failure, HOSTILE)),
        traced(answer.model_copy(update={"request_id": HOSTILE}), steps),
    ]
    for text in printed:
        assert "\N{REPLACEMENT CHARACTER}" in text
        assert not (set(HOSTILE) - set("[2J]0;title31mgnp.exe")) & set(text)


def test_an_error_is_shown_with_its_code_and_the_request() -> None:
    """A sentence for the person, a code and an id for the log, and what to do where that is known."""
    failure = Failure.of(UnknownAdapter(param="adapter"), "r-1")
    text = in_a_file(lambda printer: printer.failure(failure))
    assert "Error     unknown_adapter: There is no adapter of this name.\n      request r-1\n" == text
    failure = Failure.of(ModelUnavailable(reason="starting"), "r-1")
    text = in_a_file(lambda printer: printer.failure(failure, "Wait."))
    assert "Error     model_unavailable (starting): " in text
    assert "\n      Wait.\n" in text


def test_a_trace_shows_queries_passages_scores_and_what_was_read() -> None:
    """Each step has its decision and its milliseconds."""
    part = {
        "queries": ["Which port?"], "relevance": 0.9,
        "passages": [{"source": "a.md", "start": 7, "dense": 0.8, "lexical": 1.5, "fused": 2.5, "reranked": None}],
    }  # fmt: skip
    read = {"source": "a.md", "start": 9, "text": "Port 8000.", "cosine": 0.7}
    assert (
        "retriever  found           12.5 ms\n"
        "    query  “Which port?”\n"
        "    relevance 0.9\n"
        "      a.md at character 7  dense 0.8 · lexical 1.5 · fused 2.5\n"
        "answerer   complete         2.0 ms  nothing 0.1\n"
        "      a.md at character 9  cosine 0.7  “Port 8000.”\n"
        "total                     321.0 ms  request r-1\n"
    ) == traced(
        answered(),
        TraceStep(name="retriever", decision="found", ms=12.5, details={"parts": [part]}),
        TraceStep(name="answerer", decision="complete", ms=2, details={"sentences": [read], "nothing": 0.1}),
    )


@pytest.mark.parametrize("odd", [None, 5, "x", [5], {"queries": None, "passages": 7}, [{"queries": [None]}]])
def test_a_trace_in_another_form_is_shown_as_far_as_it_goes(odd: object) -> None:
    """A server may be of another version."""
    assert "retriever" in traced(
        answered(), TraceStep(name="retriever", decision="found", ms=1, details={"parts": odd, "sentences": odd})
    )
