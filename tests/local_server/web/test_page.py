"""The ask page in a real browser, with an engine that says what it is told to say."""

import re
from collections.abc import Callable

import httpx
from playwright.sync_api import expect
from pydantic import SecretStr

from agent.engine.scripted import ScriptedEngine
from tests.local_server.serving import KEY, OTHER_KEY, QUESTION, SENTENCE, wait
from tests.local_server.web.conftest import Open

Serve = Callable[..., httpx.Client]
UNKNOWN = "Who painted Mona Lisa?"
EVIL = "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'>"
KEYS = {"api_keys": (SecretStr(KEY), SecretStr(OTHER_KEY)), "auth_disabled": False}


def says(text: str = SENTENCE, **options: object) -> ScriptedEngine:
    return ScriptedEngine(lambda _prompt: text, **options)  # type: ignore[arg-type]


def test_a_chip_leads_to_the_sentence_in_its_document_and_back(serve: Serve, visit: Open) -> None:
    """The sentence is marked in its paragraph, to the character, and has the reader's attention; so has the chip."""
    before = "Emoji count as one: 😀😀 é."
    documents = {"server.md": f"# The server\n\n{before} {SENTENCE} The key goes in X-API-KEY.\n"}
    seen = visit(serve(says(), documents))
    turn = seen.ask(QUESTION)
    assert SENTENCE in turn.locator(".words").inner_text()
    chip = turn.get_by_role("button", name="Source 1: server.md, line 3")
    chip.click()
    mark = seen.page.locator("mark")
    expect(mark).to_be_focused()
    assert SENTENCE == mark.text_content()
    assert f"{before} {SENTENCE} The key goes in X-API-KEY." == seen.page.locator("blockquote").text_content()
    assert "server.md, line 3" == seen.text(".source .place")
    seen.page.get_by_role("button", name="Back to the answer").click()
    expect(chip).to_be_focused()


def test_what_the_documents_do_not_say_is_no_answer(serve: Serve, visit: Open) -> None:
    """A card with the reason and what came closest; nothing that could be taken for a source."""
    seen = visit(serve(says()))
    turn = seen.ask(UNKNOWN)
    assert "Not in the documents" == turn.get_by_role("heading", level=3).inner_text()
    assert "The documents are about something else." in turn.inner_text()
    assert turn.locator(".nearest li").count() > 0
    assert 0 == turn.locator(".chip, .words, .confidence").count()
    assert "appear here" in seen.text("#sources-list")


def test_markup_stays_text(serve: Serve, visit: Open) -> None:
    """In a document, in a question, and in what the model says; none of it is run, and the policy would not let it."""
    documents = {"a.md": f"# The {EVIL} server\n\nThe HTTP server listens on port 8000 by default {EVIL}.\n"}
    seen = visit(serve(says(f"The HTTP server listens on port 8000 by default {EVIL}."), documents))
    for question in (QUESTION, f"{EVIL} {QUESTION}", f"{EVIL} {UNKNOWN}"):
        turn = seen.ask(question)
        assert f"You asked: {question}" == turn.locator(".asked").text_content()
        turn.locator(".trace summary").click()
    assert EVIL in (seen.page.locator(".words").first.text_content() or "")
    assert seen.run("window.ran") is None
    assert 0 == seen.page.locator("main script, main img").count()
    refused = seen.run("() => { try { document.body.innerHTML = '<b>x</b>' } catch (error) { return error.name } }")
    assert "TypeError" == refused
    # The browser says so on the console.
    seen.failures.clear()


def test_an_answer_comes_in_as_it_is_written_and_stop_stops_it(serve: Serve, visit: Open) -> None:
    """The draft is called a draft; the server stops generating, and what was written is no answer."""
    engine = says(f"{SENTENCE} The key goes in X-API-KEY.", delay_s=0.4)
    client = serve(engine)
    seen = visit(client)
    seen.begin(QUESTION)
    expect(seen.page.locator(".draft")).to_contain_text("The HTTP server")
    assert "Draft, not yet checked" in seen.text(".draft")
    assert not seen.page.locator("#send").is_visible()
    seen.page.get_by_role("button", name="Stop").click()
    expect(seen.page.locator(".turn.ended")).to_contain_text("Nothing of this was checked")
    wait(lambda: engine.cancelled == 1 and engine.stats().running == 0)
    assert 0 == seen.page.locator(".words").count()
    seen.page.get_by_role("button", name="Ask again").click()
    seen.page.keyboard.press("Escape")
    wait(lambda: engine.stats().running == 0)
    expect(seen.page.locator(".turn.ended")).to_have_count(1)


def test_a_wrong_key_gets_a_card_and_another_chance(serve: Serve, visit: Open) -> None:
    """With the code and the request id; the right key then gets an answer to the same question."""
    seen = visit(serve(says(), **KEYS))
    seen.enter_key("wrong")
    expect(seen.page.locator("#key-wrong")).to_have_text("The key is missing or wrong.")
    seen.page.get_by_role("button", name="Cancel").click()
    turn = seen.ask(QUESTION)
    card = turn.get_by_role("alert")
    assert "The key is missing or wrong." in card.inner_text()
    assert re.search(r"unauthorized · request id [0-9a-f]{32}", card.inner_text())
    card.get_by_role("button", name="Enter another key").click()
    seen.enter_key()
    card.get_by_role("button", name="Ask again").click()
    expect(seen.page.locator(".words")).to_contain_text(SENTENCE)
    expect(seen.page.locator(".turn")).to_have_count(1)


def test_the_key_stays_in_its_tab(serve: Serve, visit: Open) -> None:
    """A reload keeps it, another tab does not know it, and nothing that lasts or is copied has it."""
    seen = visit(serve(says(), **KEYS))
    seen.enter_key()
    seen.page.reload()
    assert SENTENCE in seen.ask(QUESTION).inner_text()
    assert [] == seen.page.context.cookies()
    assert KEY not in seen.run("JSON.stringify(localStorage) + location.href + document.documentElement.outerHTML")
    for name in ("curl", "job", "python"):
        seen.page.locator(f'[data-copy="{name}"]').click()
        assert KEY not in seen.text(".code")
    other = seen.page.context.new_page()
    other.goto(seen.origin)
    expect(other.locator("#key-dialog")).to_be_visible()
    other.close()
    seen.page.get_by_role("button", name="Key", exact=True).click()
    seen.page.get_by_role("button", name="Forget the key").click()
    assert seen.run("sessionStorage.length") == 0


def test_a_follow_up_brings_the_conversation_until_a_new_one_begins(serve: Serve, visit: Open) -> None:
    """What was asked and answered, without the numbers; failures and what was stopped are no part of it."""
    seen = visit(serve(says()))
    seen.ask(QUESTION)
    seen.ask("Why does it?")
    first, second = seen.sent()
    assert "history" not in first
    assert second["history"] == [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": SENTENCE}]
    seen.page.get_by_role("button", name="New conversation").click()
    assert 0 == seen.page.locator(".turn").count()
    seen.ask(QUESTION)
    assert "history" not in seen.sent()[-1]


def test_the_options_are_what_the_server_has_and_what_is_asked_with(serve: Serve, visit: Open) -> None:
    """Adapters by name; what is left alone is left out; a field that documents lack is the server's to refuse."""
    engine = says(adapters=("ask", "other"))
    seen = visit(serve(engine))
    seen.ask(QUESTION)
    seen.page.locator("#options summary").click()
    adapter = seen.page.get_by_label("Adapter", exact=True)
    expect(adapter.locator("option")).to_have_text(["the default (ask)", "scripted, no adapter", "ask", "other"])
    adapter.select_option("other")
    seen.page.get_by_label("Wording").select_option("generative")
    seen.page.get_by_label("Language of the answer").select_option("es")
    seen.page.get_by_label("Passages to read").fill("2")
    seen.page.get_by_label("field").fill("source")
    seen.page.get_by_label("is exactly").fill("server.md")
    seen.page.keyboard.press("Escape")
    seen.ask(QUESTION)
    seen.page.locator("#options summary").click()
    adapter.select_option("scripted, no adapter")
    seen.page.get_by_label("field").fill("colour")
    seen.page.keyboard.press("Escape")
    refused = seen.ask(QUESTION)
    assert "unknown_filter" in refused.get_by_role("alert").inner_text()
    plain, chosen, last = seen.sent()
    assert {"question", "stream"} == set(plain)
    del chosen["history"]
    assert {
        "question": QUESTION, "stream": True, "adapter": "other", "mode": "generative", "language": "es", "top_k": 2,
        "filters": {"source": "server.md"},
    } == chosen  # fmt: skip
    assert last["adapter"] is None
    assert ["ask", "other"] == engine.adapters_used


def test_the_trace_says_how_the_answer_came_about(serve: Serve, visit: Open) -> None:
    """Route, queries, passages with their scores, what was read, tokens, times as bars, and the request's id."""
    seen = visit(serve(says()))
    turn = seen.ask(QUESTION)
    turn.locator(".trace summary").click()
    trace = turn.locator(".trace")
    facts = dict(
        zip(trace.locator("dt").all_inner_texts(), trace.locator("dd").all_inner_texts(), strict=True)
    )  # fmt: skip
    assert {"Route": "question", "Language": "en", "Model": "scripted", "First since the start": "yes"}.items() <= (
        facts.items()
    )
    assert re.fullmatch(r"\d+ read \(0 of them cached\), 9 written", facts["Tokens"])
    assert re.fullmatch(r"[0-9a-f]{32}", facts["Request id"])
    assert [QUESTION] == trace.locator(".queries li").all_inner_texts()
    rows = trace.locator(".scores tbody tr")
    assert "server.md" in rows.first.inner_text()
    assert 3 == len(re.findall(r"\d\.\d{3}", rows.first.inner_text()))
    assert SENTENCE in trace.locator(".packed").inner_text()
    widths = trace.locator(".bar").evaluate_all("bars => bars.map((bar) => bar.getBoundingClientRect().width)")
    assert 4 <= len(widths)
    assert all(width >= 2 for width in widths)


def test_the_page_speaks_spanish(serve: Serve, visit: Open) -> None:
    """To a Spanish browser, or when it is told to; what is there changes with it, and the choice is kept."""
    seen = visit(serve(says()), locale="es-MX")
    assert "es" == seen.run("document.documentElement.lang")
    assert "Preguntar" == seen.text("#send")
    turn = seen.ask(UNKNOWN)
    assert "No está en los documentos" in turn.inner_text()
    seen.page.get_by_label("Idioma de esta página").select_option("en")
    assert "Not in the documents" in turn.inner_text()
    seen.page.reload()
    assert "Ask" == seen.text("#send")


def test_every_text_is_there_twice(serve: Serve, visit: Open) -> None:
    """With the same places to fill in."""
    seen = visit(serve(says()))
    shapes = seen.run(
        """async () => {
          const { TEXTS } = await import("/page/texts.js");
          const shape = (value) => typeof value === "string" ? (value.match(/\\{\\d\\}/g) ?? []).sort().join()
            : Object.fromEntries(Object.entries(value).map(([name, part]) => [name, shape(part)]));
          return Object.values(TEXTS).map(shape);
        }"""
    )
    assert shapes[0] == shapes[1]
