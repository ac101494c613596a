"""What somebody asks for on the command line."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.ask.address import KEY_ENV, Address
from agent.schemas import MAX_TOP_K
from agent.settings import NO_ADAPTER

_EPILOG = """\
Without a QUESTION it is read from standard input, or, on a terminal, a chat begins.
exit status: 0 answered; 1 failed; 2 bad input; 3 the documents do not hold the answer; 130 interrupted
"""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line, read.

    Attributes:
        question: None where there is none; it is asked for.
        fields: what the request has besides its question; nothing that was not given.
        as_json: print the whole answer as JSON.
        trace: print the trace behind the answer.
        server: whom to ask; None for the models in this process.
        key_env: the variable that holds the server's key.
    """

    question: str | None
    fields: Mapping[str, Any]
    as_json: bool
    trace: bool
    server: Address | None
    key_env: str

    @classmethod
    def of(cls, words: Sequence[str], *, can_chat: bool) -> "Options":
        """Read the words; what is wrong with them is said on standard error, and the process ends with status 2."""
        parser = _parser()
        given = parser.parse_args(words)
        if given.as_json and not given.question and can_chat:
            parser.error("--json needs a QUESTION")
        filters = dict(given.filters)
        if len(filters) < len(given.filters):
            parser.error("argument --filter: a field can have one value only")
        fields = {name: value for name, value in vars(given).items() if name in _FIELDS and value is not None}
        if fields.get("adapter") == NO_ADAPTER:
            fields["adapter"] = None
        if filters:
            fields["filters"] = filters
        question = " ".join(given.question) if given.question else None
        return cls(question, fields, given.as_json, given.trace, given.server, given.key_env)


_FIELDS = ("mode", "adapter", "language", "top_k", "max_tokens", "temperature", "seed", "timeout_s")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m agent.ask",
        description="Answer a question from the documents, with sources.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        # An option that is added later must not change what a script says.
        allow_abbrev=False,
    )
    parser.add_argument("question", nargs="*", metavar="QUESTION", help="several words are one question")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print the whole answer as JSON")
    parser.add_argument("--trace", action="store_true", help="show what each step decided, and how long it took")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        "--extractive", action="store_const", const="extractive", dest="mode", help="quote, without a language model"
    )
    mode.add_argument(
        "--short",
        action="store_const",
        const="short",
        dest="mode",
        help="the fewest words, by an adapter trained for it",
    )
    mode.add_argument(
        "--grounded", action="store_const", const="grounded", dest="mode", help="the model's words, each part cited"
    )
    mode.add_argument(
        "--generative", action="store_const", const="generative", dest="mode", help="the model's words or no answer"
    )
    parser.add_argument("--adapter", metavar="NAME", help=f"LoRA adapter; {NO_ADAPTER} is the base model")
    parser.add_argument("--language", choices=("auto", "en", "es"), help="of the answer; auto is the question's")
    parser.add_argument(
        "--filter", action="append", default=[], type=_pair, dest="filters", metavar="FIELD=VALUE",
        help="read only documents whose field has this value; may be given several times",
    )  # fmt: skip
    parser.add_argument("--top-k", type=int, metavar="N", help=f"passages to read, 1 to {MAX_TOP_K}")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="most tokens to generate")
    parser.add_argument("--temperature", type=float, metavar="T", help="0 to 2; 0, the default, is greedy")
    parser.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same answer")
    parser.add_argument("--timeout", type=float, dest="timeout_s", metavar="SECONDS", help="give up after so long")
    parser.add_argument(
        "--server", type=_address, metavar="URL",
        help="ask a running server, or a serverless endpoint (.../v2/ID), and load nothing here",
    )  # fmt: skip
    parser.add_argument(
        "--key-env", default=KEY_ENV, metavar="NAME", help=f"variable that holds the server's key (default: {KEY_ENV})"
    )
    return parser


def _pair(text: str) -> tuple[str, str]:
    field, equals, value = text.partition("=")
    if not field or not equals:
        raise argparse.ArgumentTypeError("it must be FIELD=VALUE")
    return field, value


def _address(text: str) -> Address:
    try:
        return Address.of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
