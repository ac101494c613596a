"""Answers, their sources and errors, as a person reads them.

On a terminal an answer's blocks are laid out, and lines are wrapped and have colours. Elsewhere an answer is its
Markdown, and each source and each quote is one line, so that programs find them. What documents, models and servers
say is text, never markup for rich.
"""

from typing import TextIO

from rich.console import Console
from rich.text import Text

from agent.ask.blocks import lines_of
from agent.ask.clean import clean, clean_line
from agent.ask.failure import Failure
from agent.ask.place import headings_of, place_of
from agent.schemas import Answer, Place, Reason

_INDENT = 6
_LEAST_WIDTH = 20
_REASONS: dict[Reason, str] = {
    "out_of_corpus": "nothing in the documents comes close enough to the question",
    "unsupported": "the documents are about it, but nothing in them could be verified as the answer",
    "underspecified": "the question does not say what it is about",
}


class _Pipe(Console):
    def on_broken_pipe(self) -> None:
        """Rich would end the process here, and say that it failed."""
        raise


def console_on(stream: TextIO | None = None, *, stderr: bool = False) -> Console:
    """A console that takes text as it is, on a stream; on standard output or standard error without one.

    `BrokenPipeError` comes out of its methods when the reader has left.
    """
    return _Pipe(file=stream, stderr=stderr, highlight=False, markup=False, emoji=False)


class Printer:
    """Prints on one console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def question(self, question: str) -> None:
        """The question, where nobody has just typed it."""
        self._labelled("Question", question, "bold")
        self._console.print()

    def answer(self, answer: Answer) -> None:
        """The answer with its sources, or why there is none with what came closest; and what it was made with."""
        if self._console.is_terminal and answer.blocks:
            for line in lines_of(answer, self._console):
                self._line(line)
        else:
            self.wrapped(Text(clean(answer.answer)))
        self.sources(answer)
        self._console.print()
        self.wrapped(Text(clean_line(_footer(answer)), style="dim"))

    def sources(self, answer: Answer) -> None:
        """The numbered sources of an answer; the reason of an abstention, and the passages that came closest."""
        if answer.citations:
            self._console.print()
        for citation in answer.citations:
            self._passage(f"[{citation.id}]", citation, citation.quote)
        if answer.reason is not None:
            self._console.print()
            self._labelled("Reason", f"{answer.reason}: {_REASONS[answer.reason]}", "yellow")
        if answer.nearest:
            self._console.print("\nNearest passages, none of which is verified as an answer:")
        for nearest in answer.nearest:
            self._passage("-", nearest, nearest.text)

    def failure(self, failure: Failure, hint: str = "") -> None:
        """The error: its code, its sentence, the request's id, and what to do about it."""
        why = f" ({failure.reason})" if failure.reason else ""
        self._labelled("Error", f"{failure.code}{why}: {failure.detail}", "bold red")
        if hint:
            self.wrapped(Text(clean_line(hint)), _INDENT)
        if failure.request_id:
            self.wrapped(Text(clean_line(f"request {failure.request_id}"), style="dim"), _INDENT)

    def wrapped(self, text: Text, indent: int = 0) -> None:
        """The text behind an indent, on as many lines as it needs on a terminal."""
        if not self._console.is_terminal:
            self._line(Text(" " * indent).append(text))
            return
        for line in text.wrap(self._console, max(self._console.width - indent, _LEAST_WIDTH)):
            self._line(Text(" " * indent).append(line))

    def _labelled(self, label: str, text: str, style: str) -> None:
        self._line(Text().append(f"{label:<8}", style).append(f"  {clean(text)}"))

    def _passage(self, label: str, place: Place, text: str) -> None:
        where = Text("  ").append(label, "cyan").append(" ").append(place_of(place), "green")
        self._line(where.append("  ").append(headings_of(place), "dim"))
        self.wrapped(Text(f"“{clean_line(text)}”"), _INDENT)

    def _line(self, text: Text) -> None:
        """What everything is printed with, so that nothing is forgotten that a terminal would obey."""
        text.plain = clean(text.plain)
        self._console.print(text, soft_wrap=True)


def _footer(answer: Answer) -> str:
    usage, timings = answer.usage, answer.timings
    parts = [
        f"model {answer.model}",
        f"adapter {answer.adapter or 'none'}",
        f"index {answer.index}",
        f"confidence {answer.confidence:.2f}",
        f"{usage.prompt_tokens} + {usage.completion_tokens} tokens",
        f"{timings.total_ms / 1000:.1f} s",
    ]
    return " · ".join(parts)
