"""An answer of lists, tables, code and headings on the ask page."""

from collections.abc import Callable, Sequence

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from agent.schemas import AnswerBlock, BlockKind, Language
from tests.fakes.given_answer import GivenAgent, Part, Span, answer_of
from tests.local_server.web.conftest import Open
from tests.local_server.web.test_use import PHONE
from tests.local_server.web.visit import Visit

Serve = Callable[[GivenAgent], httpx.Client]
Show = Callable[..., tuple[Visit, Locator]]
QUESTION = "How do I change the port?"
GUIDE = (
    "Change the port in three steps:\n\n1. Stop the server.\n2. Set `PORT`.\n   - On Linux, use `export`.\n"
    "3. Start the server.\n\nThe default port is 8000.\n"
)
GUIDE_SPAN = Span("guide.md", GUIDE, GUIDE[: GUIDE.index("\n\nThe default")])
PORT_SPAN = Span("guide.md", GUIDE, "The default port is 8000.")
TABLE = (
    Part("header", "| Setting | Default | Meaning"),
    Part("row", "| `PORT` | 8000 | where the server listens, a \\| b", (1, 2)),
    Part("row", "| `HOST` | 127.0.0.1 | **address** of the server", (2,)),
)
EVERYTHING = (
    Part("heading", "Change the port"),
    Part("paragraph", "The steps are:"),
    Part("step", "Stop the server.", (1,)),
    Part("step", "Set `PORT`:"),
    Part("item", "on Linux with `export`", (1,), depth=1),
    Part("item", "on Windows with `setx`", (1, 2), depth=1),
    Part("step", "Start the server.", (1,)),
    Part("code", "export PORT=9000\nmake serve  # **not bold** [1]", (1, 2)),
    *TABLE,
    Part("paragraph", "The **default** port is *8000*, as the [guide](https://example.com/guide) says.", (2, 1)),
)


@pytest.fixture
def show(serve_answer: Serve, visit: Open) -> Show:
    """Asks a server that answers with these blocks: the page and the turn."""

    def ask(
        parts: Sequence[Part], spans: Sequence[Span] = (GUIDE_SPAN, PORT_SPAN), *,
        language: Language = "en", **options: object,
    ) -> tuple[Visit, Locator]:  # fmt: skip
        seen = visit(serve_answer(GivenAgent(answer_of(parts, spans, language=language))), **options)
        return seen, seen.ask(QUESTION)

    return ask


def test_every_kind_of_block_is_shown_as_what_it_is(show: Show) -> None:
    """A list nests in the step above it, a row stands under its header, and no notation is left in the text."""
    _seen, turn = show(EVERYTHING)
    words = turn.locator(".words")
    assert ["H3", "P", "OL", "PRE", "P", "DIV", "P"] == words.locator("> *").evaluate_all(
        "all => all.map((one) => one.tagName)"
    )
    assert "Change the port" == words.get_by_role("heading", level=3).inner_text()
    steps = words.locator("> ol > li")
    assert ["1", "2", "3"] == [step.get_attribute("value") for step in steps.all()]
    assert ["on Linux with `export`1", "on Windows with `setx`12"] == steps.nth(1).locator(
        "> ul > li"
    ).all_inner_texts()
    assert "export PORT=9000\nmake serve  # **not bold** [1]" == words.locator("pre").inner_text()
    table = words.get_by_role("table")
    assert ["Setting", "Default", "Meaning"] == table.get_by_role("columnheader").all_inner_texts()
    assert "where the server listens, a | b12" == table.get_by_role("cell").nth(2).inner_text()
    last = words.locator("> p").last
    assert ["default", "8000"] == [last.locator("strong").inner_text(), last.locator("em").inner_text()]
    assert "The default port is 8000, as the guide says.21" == last.inner_text()


def test_steps_go_on_counting_behind_code(serve_answer: Serve, visit: Open) -> None:
    """Code between two steps ends the list; the next one begins with the number that the Markdown has."""
    text = "1. Stop it.\n\n```\nmake\n```\n[1]\n\n2. Start it."
    places: tuple[tuple[BlockKind, str], ...] = (("step", "Stop it."), ("code", "make"), ("step", "Start it."))
    blocks = []
    for kind, words in places:
        start = text.index(words)
        end = start + len(words)
        blocks.append(AnswerBlock(kind=kind, text=words, start=start, end=end, citations=[], support=None))
    turn = visit(serve_answer(GivenAgent(answer_of([], answer=text, blocks=blocks)))).ask(QUESTION)
    assert ["1", "2"] == [step.get_attribute("value") for step in turn.locator(".words > ol > li").all()]


def test_each_chip_of_a_block_leads_to_its_own_span_and_back(show: Show) -> None:
    """Two chips behind one item, each with the whole of its span; the way back ends at the chip that was pressed."""
    seen, turn = show(EVERYTHING)
    item = turn.locator("ol > li > ul > li").nth(1)
    chips = item.locator(".chip")
    assert ["1", "2"] == chips.all_inner_texts()
    for number, span in enumerate((GUIDE_SPAN, PORT_SPAN)):
        chips.nth(number).click()
        mark = seen.page.locator(f'mark[data-ids="{number + 1}"]')
        expect(mark).to_be_focused()
        assert span.quote == mark.text_content()
        seen.page.get_by_role("button", name="Back to the answer").click()
        expect(chips.nth(number)).to_be_focused()
    for block in ("pre + p", "tbody tr:first-child td:last-child"):
        assert ["1", "2"] == turn.locator(f".words {block} .chip").all_inner_texts()


def test_a_span_of_several_lines_keeps_them(show: Show) -> None:
    """A cited list of the source looks like a list."""
    seen, _turn = show(EVERYTHING)
    assert GUIDE_SPAN.quote == seen.text("mark >> nth=0")


def test_only_a_statement_without_a_source_has_a_badge(show: Show) -> None:
    """A heading, a header and words that introduce the next block state nothing."""
    parts = [
        Part("heading", "Ports"), Part("paragraph", "These are the settings"), *TABLE, Part("paragraph", "Steps:"),
        Part("item", "One", (1,)), Part("item", "Two"), Part("row", "| a | b"),
        Part("paragraph", "The documents say nothing about the colour."),
    ]  # fmt: skip
    _seen, turn = show(parts)
    badges = turn.locator(".badge")
    assert ["not in the documents"] * 3 == badges.all_inner_texts()
    assert ["Two", "a", "The"] == [text.split()[0] for text in turn.locator(".unsupported").all_inner_texts()]
    assert "90% of its words are in the source" == turn.locator("li .part").first.get_attribute("title")


HOSTILE = (
    "<img src=x onerror='window.ran = 1'>", "[run](javascript:window.ran=2)",
    "[data](data:text/html,<script>x</script>)", "`tick",
    "[local](guide.md)", "![picture](https://example.com/x.png)", "**unbalanced", "an * star and 2**8 and 3**8",
    "[a](", "**" * 40 + "x" + "*" * 9, "[" * 60, "snake_case and __init__", "[x](java\tscript:window.ran=3)",
    "https://example.com/bare", "[o](HTTP://[::1)",
)  # fmt: skip


def test_hostile_notation_stays_text(show: Show) -> None:
    """No element, no request and no script comes of it, and not a character is lost."""
    parts = [Part("item", text, (1,)) for text in HOSTILE] + [Part("row", f"| {text}") for text in HOSTILE[:2]]
    seen, turn = show([*parts, Part("code", HOSTILE[0], (1,)), Part("heading", HOSTILE[0])])
    items = turn.locator(".words li .part").all()
    assert [f"{text}1" for text in HOSTILE] == [item.text_content() for item in items]
    assert 0 == turn.locator(".words :is(a, img, script, strong)").count()
    assert seen.run("window.ran") is None
    assert HOSTILE[0] == turn.locator(".words pre").text_content() == turn.locator(".words h3").text_content()


def test_links_open_elsewhere_and_tell_nothing(show: Show) -> None:
    """Only to the web or to a mailbox; the page stays, and the other one learns nothing of it."""
    text = "[**a** web](https://example.com/a_(b)?c=1) [mail](mailto:me@example.com) and \\[plain](https://example.com)"
    _seen, turn = show([Part("paragraph", text, (1,))])
    links = turn.locator(".words a")
    assert ["https://example.com/a_(b)?c=1", "mailto:me@example.com"] == [
        link.get_attribute("href") for link in links.all()
    ]
    assert {("_blank", "noopener noreferrer")} == {
        (link.get_attribute("target"), link.get_attribute("rel")) for link in links.all()
    }
    assert "a web mail and [plain](https://example.com)1" == turn.locator(".words").inner_text()


def test_a_screen_reader_hears_words_and_not_notation(show: Show) -> None:
    """Cells, steps and numbers are said, stars and bars are not."""
    seen, _turn = show(EVERYTHING)
    spoken = seen.page.locator("#spoken").text_content() or ""
    assert spoken.startswith(
        "Change the port\nThe steps are:\n1. Stop the server. [1]\n2. Set PORT:\non Linux with export [1]"
    )
    assert "PORT, 8000, where the server listens, a | b [1][2]" in spoken
    assert spoken.endswith("The default port is 8000, as the guide says. [2][1]")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_of_a_list_or_a_table_keeps_anybody_out(show: Show, scheme: str) -> None:
    """As far as axe can tell, with every kind of block, two answers on one page, and a source in sight."""
    seen, _turn = show(EVERYTHING, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True, **PHONE)
    seen.ask(QUESTION).locator(".chip").first.click()
    report = Axe().run(
        seen.page,
        options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    )
    assert 0 == report.violations_count, report.generate_report()


def test_a_phone_scrolls_a_wide_table_and_not_the_page(show: Show) -> None:
    """Inside their own boxes table and code go on; words, chips and nested lists are within the screen."""
    wide = [
        Part("header", "| " + " | ".join(f"Column{number}" for number in range(9))),
        Part("row", "| " + " | ".join(f"value{number}" for number in range(9)), (1, 2)),
        Part("code", "x" * 300, (1, 2)),
        *(Part("item", f"{'Long' * 30} word", (1, 2) * 8, depth=depth) for depth in range(5)),
        Part("heading", "Heading" * 20),
    ]
    seen, turn = show(wide, **PHONE)
    assert 360 >= seen.run("document.documentElement.scrollWidth")
    for box in (".words .scroll", ".words pre"):
        inner, outer = turn.locator(box).evaluate("one => [one.scrollWidth, one.clientWidth]")
        assert inner > outer
    assert "clip" not in turn.locator(".words").evaluate("one => getComputedStyle(one).overflowX")
    widest = turn.locator(".words li .chip").evaluate_all(
        "all => Math.max(...all.map((one) => one.getBoundingClientRect().right))"
    )
    assert widest <= 360


def test_a_long_passage_is_folded_around_its_marks(show: Show) -> None:
    """What is far from every mark is an ellipsis, until the reader unfolds it; nothing of a mark is folded."""
    filler = "".join(f"Sentence {number} of it.\n" for number in range(150))
    quote = "The port is 8000.\n- It can be changed."
    passage = f"{filler}{quote}\n{filler}And HOST is the address.\n{filler}"
    seen, turn = show(
        [Part("paragraph", "It is 8000.", (1, 2))],
        [Span("long.md", passage, quote), Span("long.md", passage, "And HOST is the address.")],
    )
    shown = seen.text("blockquote")
    assert quote in shown
    assert "And HOST is the address." in shown
    assert (3, True) == (shown.count("…"), len(shown) < 1600)
    unfold = seen.page.get_by_role("button", name="Show the whole passage")
    unfold.click()
    assert passage.strip() == seen.text("blockquote").strip()
    seen.page.get_by_role("button", name="Show less").click()
    assert shown == seen.text("blockquote")
    turn.locator(".chip").nth(1).click()
    expect(seen.page.locator("mark").nth(1)).to_be_focused()


def test_right_to_left_words_run_so_in_each_block(show: Show) -> None:
    """The list's numbers stand at its right; a block in Latin letters beside it does not."""
    _seen, turn = show(
        [Part("step", "أوقف الخادم PORT.", (1,)), Part("code", "make"), Part("paragraph", "Stop it.", (1,))]
    )
    directions = turn.locator(".words > *").evaluate_all("all => all.map((one) => getComputedStyle(one).direction)")
    assert ["rtl", "ltr", "ltr"] == directions[:2] + directions[-1:]
    assert "en" == turn.locator(".words").get_attribute("lang")


def test_the_answer_is_copied_as_markdown(show: Show) -> None:
    """With its numbers, to the character, whatever the page makes of it."""
    seen, turn = show(EVERYTHING, permissions=["clipboard-read", "clipboard-write"])
    turn.get_by_role("button", name="Copy answer").click()
    expect(turn.get_by_text("Copied.", exact=True)).to_be_visible()
    assert answer_of(EVERYTHING, (GUIDE_SPAN, PORT_SPAN)).answer == seen.run("navigator.clipboard.readText()")


def test_a_follow_up_brings_lists_and_tables_along(show: Show) -> None:
    """Both sides' turns, the Markdown without the numbers of the sources, and code as it stands."""
    seen, _turn = show(EVERYTHING)
    seen.ask("And the host?")
    asked, said = seen.sent()[1]["history"]
    assert {"role": "user", "content": QUESTION} == asked
    assert "assistant" == said["role"]
    for line in (
        "1. Stop the server.\n2. Set `PORT`:\n  - on Linux with `export`\n", "make serve  # **not bold** [1]\n```\n\n|",
        "| `HOST` | 127.0.0.1 | **address** of the server |\n",
    ):  # fmt: skip
        assert line in said["content"]
    assert 1 == said["content"].count("[1]")


def test_a_long_answer_goes_along_as_far_as_a_message_may(show: Show) -> None:
    """The next question is answered, and not refused for what was said before."""
    seen, _turn = show([Part("item", f"{number} " + "word " * 40, (1,)) for number in range(40)])
    seen.ask("And then?")
    assert 4000 >= len(seen.sent()[1]["history"][1]["content"]) > 3900
    expect(seen.page.locator(".turn").nth(1).locator(".words li")).to_have_count(40)


def test_a_draft_keeps_its_lines(serve_answer: Serve, visit: Open) -> None:
    """It is plain text under its badge, and goes when the answer is there."""
    agent = GivenAgent(answer_of(EVERYTHING, (GUIDE_SPAN, PORT_SPAN)), ["1. Stop\n", "2. **Start**"], draft_s=1.0)
    seen = visit(serve_answer(agent))
    seen.begin(QUESTION)
    expect(seen.page.locator(".draft")).to_contain_text("2. **Start**")
    assert "Draft, not yet checked 1. Stop\n2. **Start**" == seen.text(".draft")
    expect(seen.page.locator(".words")).to_be_visible()
    expect(seen.page.locator(".draft")).to_be_hidden()
