"""A chat on a terminal: one question after the other, each with what was said before."""

from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from agent.ask.conversation import Conversation
from agent.ask.failure import Failure
from agent.ask.printing import Printer
from agent.ask.steps import print_trace
from agent.schemas import Answer

PROMPT = "> "
_HELP = {
    "/new": "forget what was said, and begin anew",
    "/sources": "show the sources of the last answer again",
    "/trace": "show what each step of the last answer decided",
    "/help": "list these commands",
    "/exit": "leave, as Ctrl-D does; Ctrl-C stops an answer",
}


class Chat:
    """A conversation with `ask`, which gives the answer to a question behind the given turns.

    Args:
        ask: raises `Failure` when there is no answer, and `KeyboardInterrupt` when it was stopped.
        told: prints an error.
        traced: show the trace behind every answer.
    """

    def __init__(
        self, ask: Callable[[str, Conversation], Answer], told: Callable[[Failure], object], console: Console, *,
        traced: bool,
    ) -> None:  # fmt: skip
        self._ask = ask
        self._told = told
        self._console = console
        self._printer = Printer(console)
        self._traced = traced
        self._said = Conversation()

    def run(self) -> None:
        """Until Ctrl-D or /exit."""
        # With it, input() has a history and can be edited.
        import readline  # noqa: F401

        self._dim("Ask a question. /help lists the commands, Ctrl-D leaves.")
        while True:
            try:
                line = input(PROMPT).strip()
            except EOFError:
                self._console.print()
                return
            except KeyboardInterrupt:
                self._console.print()
                continue
            if line in ("/exit", "/quit"):
                return
            if line.startswith("/"):
                self._command(line)
            elif line:
                self._answer(line)

    def _answer(self, question: str) -> None:
        try:
            answer = self._ask(question, self._said)
        except Failure as failure:
            self._told(failure)
        except KeyboardInterrupt:
            self._dim("Stopped.")
        else:
            self._said.add(question, answer)
            self._printer.answer(answer)
            if self._traced:
                print_trace(answer, self._printer)
        self._console.print()

    def _command(self, line: str) -> None:
        last = self._said.last
        if line == "/new":
            self._said.forget()
            self._dim("What was said is forgotten.")
        elif line in ("/sources", "/trace") and last is None:
            self._dim("Nothing was answered yet.")
        elif line == "/sources" and last is not None:
            self._printer.sources(last)
            if not last.citations and last.reason is None:
                self._dim("The last answer has no sources.")
        elif line == "/trace" and last is not None:
            print_trace(last, self._printer)
        else:
            for command, meaning in _HELP.items():
                self._dim(f"{command:<9} {meaning}")

    def _dim(self, text: str) -> None:
        self._console.print(Text(text, style="dim"))
