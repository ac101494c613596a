"""An answer's blocks on a terminal."""

import io
import os
import re

import pytest
from rich.console import Console

from agent.ask.inline import inline
from agent.ask.printing import Printer, console_on
from agent.schemas import Answer
from tests.agent.ask.test_clean import HOSTILE
from tests.fakes.given_answer import Part, Span, answer_of

SPANS = (Span("a.md", "One. Two.", "One."), Span("a.md", "One. Two.", "Two."))
TABLE = (
    Part("header", "| Setting | Default"),
    Part("row", "| `PORT` | 8000", (1, 2)),
    Part("row", "| `HOST_ADDRESS` | a \\| b", (2,)),
)
ANSI = re.compile(r"\x1b\[[\d;]*m")


def coloured(answer: Answer, width: int = 40) -> str:
    """What a terminal gets, without the sources."""
    stream = io.StringIO()
    terminal = Console(
        file=stream, force_terminal=True, width=width, highlight=False, markup=False, emoji=False,
        color_system="standard", _environ={key: value for key, value in os.environ.items() if key != "NO_COLOR"},
    )  # fmt: skip
    Printer(terminal).answer(answer)
    return stream.getvalue().split("\n\n  \x1b[36m[1]")[0]


def shown(*parts: Part, width: int = 40) -> str:
    return ANSI.sub("", coloured(answer_of(parts, SPANS), width))


def test_a_list_hangs_under_its_own_text() -> None:
    """At every depth, and a step by its own number."""
    text = shown(
        Part("paragraph", "The steps are:"),
        Part("step", "Stop the server, and wait until it is down.", (1,)),
        Part("item", "on Linux with a signal that it understands", (1, 2), depth=1),
        Part("step", "Start it.", (2,)),
    )
    assert (
        "The steps are:\n\n"
        "1. Stop the server, and wait until it is\n   down. [1]\n"
        "   • on Linux with a signal that it\n     understands [1][2]\n"
        "2. Start it. [2]"
    ) == text


def test_a_table_is_aligned_where_it_fits() -> None:
    """With its header in bold; else it stands as in Markdown."""
    assert (
        "Setting       Default\n────────────  ───────────\nPORT          8000 [1][2]\nHOST_ADDRESS  a | b [2]"
    ) == shown(*TABLE)
    assert answer_of(TABLE, SPANS).answer == shown(*TABLE, width=20)
    assert "\x1b[1mSetting       Default\x1b[0m" in coloured(answer_of(TABLE, SPANS))


def test_code_is_indented_and_keeps_its_lines() -> None:
    """Nothing in it is notation, and a line is not broken."""
    line = "x" * 60
    text = shown(Part("code", f"if **a**:\n\t[1] {line}", (1,)), Part("paragraph", "Done.", (2,)))
    assert f"    if **a**:\n        [1] {line}\n    [1]\n\nDone. [2]" == text


def test_headings_are_bold_and_numbers_coloured() -> None:
    """Numbers of the answer only: what a document has in brackets is its own."""
    text = coloured(answer_of([Part("heading", "Ports"), Part("paragraph", "See a[1].", (1, 2))], SPANS))
    assert "\x1b[1mPorts\x1b[0m\n\nSee a[1]. \x1b[36m[1][2]\x1b[0m" == text


@pytest.mark.parametrize(
    ("words", "plain", "styles"),
    [
        ("**b** *e* `c*c*`", "b e c*c*", {"bold", "italic", "green"}),
        ("***both***", "both", {"bold", "italic"}),
        ("**a `x**` b**", "a x** b", {"bold", "green"}),
        ("[docs](https://a.b/(c)) and ![p](https://a.b)", "docs (https://a.b/(c)) and ![p](https://a.b)",
         {"underline", "dim"}),
        ("[x](javascript:1) [y](guide.md)", "[x](javascript:1) [y](guide.md)", set()),
        ("**open, 2**8, 3*4*5, * star, __init__, a_b_c", "**open, 2**8, 3*4*5, * star, __init__, a_b_c", set()),
        ("`` a`b `` and \\*c\\*", " a`b  and *c*", {"green"}),
        ("[bold]x[/bold] <b>y</b>", "[bold]x[/bold] <b>y</b>", set()),
    ],
)  # fmt: skip
def test_inline_notation_becomes_styles(words: str, plain: str, styles: set[str]) -> None:
    """And what only looks like it stays as it is."""
    text = inline(words)
    assert (plain, styles) == (text.plain, {str(span.style) for span in text.spans})


def test_hostile_notation_takes_no_time() -> None:
    """However it nests, and whatever it leaves open."""
    for words in ("**a " * 1000, "*" * 4000, "[" * 4000, "`" * 3999 + "a", "**a *b " * 600, "[a](" * 1000):
        assert words.replace("*", "") == inline(words).plain.replace("*", "")


def test_no_block_gives_orders_to_the_terminal() -> None:
    """Whatever its kind; all that is left are the colours of the command's own."""
    kinds = ("paragraph", "heading", "item", "step", "header", "row", "code")
    answer = answer_of([Part(kind, f"| {HOSTILE} `{HOSTILE}` **x**") for kind in kinds], SPANS)
    for width in (20, 400):
        text = coloured(answer, width)
        assert "\N{REPLACEMENT CHARACTER}" in text
        assert not (set(HOSTILE) - set("[2J]0;title31mgnp.exe")) & set(ANSI.sub("", text))


def test_a_pipe_gets_the_markdown() -> None:
    """To the character, so that a program can go on with it."""
    answer = answer_of([Part("heading", "Ports"), *TABLE, Part("item", "**One**" + " long" * 40, (1,))], SPANS)
    stream = io.StringIO()
    Printer(console_on(stream)).answer(answer)
    assert stream.getvalue().startswith(f"{answer.answer}\n\n  [1] a.md:1")
