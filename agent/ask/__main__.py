"""python -m agent.ask "QUESTION": the answer from the documents, with its sources; a chat without a question."""

import asyncio
import os
import sys
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from rich.console import Console

from agent.ask.address import key_in
from agent.ask.asker import Asker, answer_of
from agent.ask.chat import Chat
from agent.ask.clean import clean_json
from agent.ask.conversation import Conversation
from agent.ask.failure import ABSTAINED, ANSWERED, BAD_INPUT, CLOSED, INTERRUPTED, Failure
from agent.ask.options import Options
from agent.ask.printing import Printer, console_on
from agent.ask.progress import Progress
from agent.ask.steps import print_trace
from agent.errors import AskError, InvalidRequest
from agent.load_errors import ConfigurationError
from agent.schemas import Answer, AskRequest
from agent.settings import Settings, explain
from agent.telemetry.logs import configure_logging
from agent.validation import parse_request

if TYPE_CHECKING:
    from agent.runtime import Loader

# A question has at most 4,000 characters; of a file that is none, no more than this is read.
_MOST_BYTES = 1_000_000


def main(words: Sequence[str] | None = None, loader: "Loader | None" = None) -> int:
    """Exit status: as `agent.ask.failure` has them."""
    options = Options.of(sys.argv[1:] if words is None else words, can_chat=_can_chat())
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a letter shows another one.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        return Command(options, loader).run()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes once more at its end, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED
    except ValidationError as error:
        sys.stderr.write(explain(error))
    except ConfigurationError as error:
        sys.stderr.write(f"{error.message}\n")
    return BAD_INPUT


class Command:
    """One call of the command: a question, or a chat."""

    def __init__(self, options: Options, loader: "Loader | None") -> None:
        self._options = options
        self._loader = loader
        self._out = console_on()
        self._err = console_on(stderr=True)

    def run(self) -> int:
        """Ask.

        Raises:
            KeyboardInterrupt: it was stopped; the question was cancelled.
            BrokenPipeError: nobody reads the output any more.
            ValidationError: a setting is not valid.
            ConfigurationError: two settings are not, together, or the key is none.
        """
        request_id = _new_id()
        try:
            question = self._options.question
            if question is None and not _can_chat():
                question = _standard_input()
            # Before the models are loaded: that takes seconds.
            request = None if question is None else self._request(question)
            asker = self._asker(request_id)
        except AskError as error:
            return self._failed(Failure.of(error, request_id))
        except Failure as failure:
            return self._failed(failure)
        with asyncio.Runner() as runner:
            try:
                return self._chat(runner, asker) if request is None else self._once(runner, asker, request, request_id)
            finally:
                runner.run(asker.close())

    def _once(self, runner: asyncio.Runner, asker: Asker, request: AskRequest, request_id: str) -> int:
        try:
            answer = self._answer(runner, asker, request, request_id)
        except Failure as failure:
            return self._failed(failure)
        if self._options.as_json:
            self._json(answer.model_dump(mode="json"))
        else:
            printer = Printer(self._out)
            printer.answer(answer)
            if self._options.trace:
                self._out.print()
                print_trace(answer, printer)
        return ABSTAINED if answer.abstained else ANSWERED

    def _chat(self, runner: asyncio.Runner, asker: Asker) -> int:
        def ask(question: str, said: Conversation) -> Answer:
            request_id = _new_id()
            try:
                request = self._request(question, said.fields())
            except AskError as error:
                raise Failure.of(error, request_id) from error
            return self._answer(runner, asker, request, request_id)

        Chat(ask, self._failed, self._out, traced=self._options.trace).run()
        return ANSWERED

    def _answer(self, runner: asyncio.Runner, asker: Asker, request: AskRequest, request_id: str) -> Answer:
        with Progress(self._err) as progress:
            return runner.run(answer_of(asker, request, request_id, progress.show, progress.note))

    def _request(self, question: str, more: dict[str, Any] | None = None) -> AskRequest:
        return parse_request({"question": question, **self._options.fields, **(more or {})})

    def _asker(self, request_id: str) -> Asker:
        server = self._options.server
        if server is not None:
            key = key_in(os.environ, self._options.key_env)
            # Whoever asks a server needs no models, and nothing of them is imported.
            from agent.ask.endpoint import EndpointAsker
            from agent.ask.server import ServerAsker

            return EndpointAsker(server, key) if server.is_endpoint else ServerAsker(server, key)
        return _local(self._err, request_id, self._loader)

    def _failed(self, failure: Failure) -> int:
        if self._options.as_json:
            self._json(failure.problem)
        else:
            Printer(self._err).failure(failure, self._hint(failure))
        return failure.exit_status

    def _hint(self, failure: Failure) -> str:
        if failure.status in (401, 403) and self._options.server is not None:
            return f"Set the environment variable {self._options.key_env} to a key of {self._options.server.url}."
        if failure.reason is not None and self._options.server is None:
            return "python -m agent.doctor says what to do."
        return ""

    def _json(self, value: dict[str, Any]) -> None:
        # For a person to read, or on one line for a program.
        sys.stdout.write(clean_json(value, indent=2 if self._out.is_terminal else None) + "\n")
        sys.stdout.flush()


def _local(console: Console, request_id: str, loader: "Loader | None") -> Asker:
    from agent.ask.local import LocalAsker
    from agent.loading import load

    settings = Settings()
    # A level that somebody chose stays, wherever it was set; .env.example sets the default.
    if settings.log_level == "INFO" and "LOG_LEVEL" not in os.environ:
        settings = settings.model_copy(update={"log_level": "ERROR"})
    configure_logging(settings)
    return LocalAsker(settings, console, request_id, loader or load)


def _new_id() -> str:
    return uuid.uuid4().hex


def _can_chat() -> bool:
    """Whether a person can be asked, and sees it. Whoever starts a command may have closed its standard input, too."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def _standard_input() -> str:
    """All of it; nothing where it is closed.

    Raises:
        InvalidRequest: it is not UTF-8.
    """
    if sys.stdin is None:
        return ""
    try:
        return sys.stdin.buffer.read(_MOST_BYTES).decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest("The question on standard input is not UTF-8.") from error


if __name__ == "__main__":
    sys.exit(main())
