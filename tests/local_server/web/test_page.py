"""The ask page in a real browser, with an engine that says what it is told to say."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise

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
    assert "Nothing in the documents comes close enough to the question." in turn.inner_text()
    assert "Not in the documents. Nothing in the documents comes close enough to the question." == seen.text("#spoken")
    assert turn.locator(".nearest li").count() > 0
    assert 0 == turn.locator(".chip, .words, .confidence").count()
    assert "appear here" in seen.text("#sources-list")


def test_what_could_not_be_verified_is_left_to_the_reader(serve: Serve, visit: Open) -> None:
    """Documents may hold an answer that is not verified, so the card does not say that they do not."""
    seen = visit(serve(says(), min_confidence=1.0, answer_strategy="extractive"))
    turn = seen.ask(QUESTION)
    assert "No answer that could be verified" == turn.get_by_role("heading", level=3).inner_text()
    assert "What came closest, for you to judge. None of it is verified as the answer:" in turn.inner_text()
    turn.locator(".trace summary").click()
    assert re.search(r"relevance [\d.]+ \(at least 0\.50 is needed\)", turn.inner_text())
    assert re.search(r"Confidence 0\.\d+; an answer needs at least 1\.00", turn.inner_text())


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


def test_what_is_stopped_before_the_draft_says_so(serve: Serve, visit: Open) -> None:
    """There is nothing on the page that could be taken for an answer."""
    seen = visit(serve(says(delay_s=5)))
    seen.begin(QUESTION)
    seen.page.get_by_role("button", name="Stop").click()
    expect(seen.page.locator(".turn.ended")).to_contain_text("Stopped before anything was written.")


def test_a_wrong_key_gets_a_card_and_another_chance(serve: Serve, visit: Open) -> None:
    """With the code and the request id; the right key then gets an answer to the same question."""
    seen = visit(serve(says(), **KEYS))
    seen.page.locator('#state[data-state="ready"]').wait_for()
    for wrong in ("wrong", "“typographic”"):
        seen.enter_key(wrong)
        expect(seen.page.locator("#key-wrong")).to_have_text("The key is missing or wrong.")
    seen.page.get_by_role("button", name="Cancel").click()
    turn = seen.ask(QUESTION)
    card = turn.get_by_role("alert")
    assert "The key is missing or wrong." in card.inner_text()
    assert re.search(r"unauthorized · request id [0-9a-f]{32}", card.inner_text())
    card.get_by_role("button", name="Enter another key").click()
    seen.enter_key()
    expect(seen.page.locator(".words")).to_contain_text(SENTENCE)
    expect(seen.page.locator(".turn")).to_have_count(1)


def test_a_wrong_key_does_not_cost_the_right_one(serve: Serve, visit: Open) -> None:
    """Whoever enters no other one asks with the last that the server took, until it is forgotten."""
    seen = visit(serve(says(), **KEYS))
    key = seen.page.get_by_role("button", name="Key", exact=True)
    seen.enter_key()
    seen.ask(QUESTION)
    key.click()
    seen.enter_key("wrong")
    expect(seen.page.locator("#key-wrong")).to_be_visible()
    seen.page.get_by_role("button", name="Cancel").click()
    assert SENTENCE in seen.ask(QUESTION).inner_text()
    seen.page.reload()
    assert SENTENCE in seen.ask(QUESTION).inner_text()
    key.click()
    seen.page.locator("#key-forget").click()
    key.click()
    seen.enter_key("wrong")
    expect(seen.page.locator("#key-wrong")).to_be_visible()
    seen.page.get_by_role("button", name="Cancel").click()
    assert "The key is missing or wrong." in seen.ask(QUESTION).inner_text()


def test_a_key_that_is_refused_for_another_reason_gives_way_as_well(serve: Serve, visit: Open) -> None:
    """After too many wrong ones the server says no more whether one is wrong; the dialog says which key is used."""
    seen = visit(serve(says(), auth_failures_per_minute=1, **KEYS))
    seen.enter_key()
    seen.ask(QUESTION)
    seen.page.reload()
    seen.page.locator('#state[data-state="ready"]').wait_for()
    seen.page.get_by_role("button", name="Key", exact=True).click()
    for why in ("The key is missing or wrong.", "There were too many wrong keys from here."):
        seen.enter_key("wrong")
        expect(seen.page.locator("#key-wrong")).to_have_text(f"{why} The key before it is used again.")
        expect(seen.page.locator("#key-forget")).to_be_hidden()
    seen.page.get_by_role("button", name="Cancel").click()
    assert SENTENCE in seen.ask(QUESTION).inner_text()


def test_a_key_that_is_forgotten_while_it_asks_stays_forgotten(serve: Serve, visit: Open) -> None:
    """The answer that comes later does not bring it back for whoever sits down next."""
    seen = visit(serve(says(delay_s=0.3), **KEYS))
    key = seen.page.get_by_role("button", name="Key", exact=True)
    seen.enter_key()
    seen.begin(QUESTION)
    key.click()
    seen.page.locator("#key-forget").click()
    expect(seen.page.locator(".words")).to_contain_text(SENTENCE)
    key.click()
    seen.enter_key("wrong")
    expect(seen.page.locator("#key-wrong")).to_have_text("The key is missing or wrong.")
    assert "wrong" == seen.page.evaluate("sessionStorage.getItem('askpod.key')")


def test_a_question_that_waited_for_a_key_is_asked_with_it(serve: Serve, visit: Open) -> None:
    """Nobody types it twice; who enters no key is not asked for, and keeps what was typed."""
    seen = visit(serve(says(), **KEYS))
    cancel = seen.page.get_by_role("button", name="Cancel")
    cancel.click()
    seen.begin(QUESTION)
    cancel.click()
    assert QUESTION == seen.page.input_value("#question")
    seen.page.locator("#key").click()
    seen.enter_key()
    expect(seen.page.locator("#question")).to_be_focused()
    assert [] == seen.sent()
    seen.page.locator("#key").click()
    seen.page.locator("#key-forget").click()
    seen.page.press("#question", "Enter")
    for wrong in ("“typographic”", "wrong", "wrong-as-well"):
        seen.enter_key(wrong)
        expect(seen.page.locator("#key-wrong")).to_have_text("The key is missing or wrong.")
        expect(seen.page.locator("#key-field")).to_have_value("" if wrong.isascii() else wrong)
    seen.enter_key()
    expect(seen.page.locator(".words")).to_contain_text(SENTENCE)
    assert [QUESTION] == [body["question"] for body in seen.sent()]
    assert "" == seen.page.input_value("#question")


def test_a_key_refused_at_once_costs_no_question(serve: Serve, visit: Open) -> None:
    """The refusal may be there before the browser tells that the dialog was closed; it is open again, and empty."""
    seen = visit(serve(says(), **KEYS))
    seen.page.get_by_role("button", name="Cancel").click()
    seen.begin(QUESTION)
    seen.run(
        """() => {
          const real = window.fetch;
          window.fetch = async (address, options) =>
            options.headers?.["X-API-KEY"] === "wrong"
              ? { ok: false, status: 401, headers: new Headers(), json: async () => ({ code: "unauthorized" }) }
              : real(address, options);
        }"""
    )
    seen.enter_key("wrong")
    expect(seen.page.locator("#key-wrong")).to_be_visible()
    expect(seen.page.locator("#key-field")).to_have_value("")
    expect(seen.page.locator("#key-field")).to_be_focused()
    seen.enter_key()
    expect(seen.page.locator(".words")).to_contain_text(SENTENCE)
    assert [QUESTION] == [body["question"] for body in seen.sent()]


def test_a_question_that_is_too_long_is_not_cut_in_silence(serve: Serve, visit: Open) -> None:
    """The browser says how long it is, and it is still there; characters are counted as the server counts them."""
    seen = visit(serve(says()))
    seen.begin("😀" * 4001)
    assert "4,000 characters; this one has 4,001" in seen.run("document.getElementById('question').validationMessage")
    assert [] == seen.sent()
    assert 8002 == len(seen.page.input_value("#question").encode("utf-16-le")) / 2
    seen.ask("😀" * 4000)
    assert 4000 == len(seen.sent()[0]["question"])


def test_sentences_that_overlap_are_marked_once(serve: Serve, visit: Open) -> None:
    """Each number leads to the whole of its sentence, within another or across its end; not a character is twice."""
    seen = visit(serve(says()))
    words, found = seen.run(
        """async () => {
          const { revealSource, showSources } = await import("/page/sources.js");
          const passage = { passage_start: 10, passage: "abcdefghij" };
          const place = { source: "a.md", title: "A", heading: "A", page: null, line: 1, ...passage };
          const spans = [[12, 18], [14, 16], [17, 19]];
          const citations = spans.map(([start, end], at) => ({ ...place, id: at + 1, start, end }));
          showSources({ citations }, "?", () => {});
          const next = () => new Promise((done) => requestAnimationFrame(done));
          const frame = async () => { for (const _ of [1, 2, 3]) await next(); };
          const found = [];
          for (const { id } of citations) {
            for (const mark of document.querySelectorAll("mark")) mark.classList.remove("found");
            revealSource(id);
            await frame();
            found.push([...document.querySelectorAll("mark.found")].map((mark) => mark.textContent).join(""));
          }
          return [document.querySelector("blockquote").textContent, found];
        }"""
    )
    assert ("abcdefghij", ["cdefgh", "ef", "hi"]) == (words, found)


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


def test_a_program_reads_what_the_workers_of_this_server_return(serve: Serve, visit: Open) -> None:
    """A worker's output may be a list of events; the answer is the last of them."""
    seen = visit(serve(says(), handler_mode="stream"))
    seen.ask(QUESTION)
    seen.page.locator('[data-copy="python"]').click()
    program = [sys.executable, "-c", seen.text(".code")]
    environment = os.environ | {"RUNPOD_LOG_LEVEL": "ERROR"}
    run = subprocess.run(program, check=True, capture_output=True, text=True, timeout=120, env=environment)
    assert f"{SENTENCE} [1]" == run.stdout.strip()


def test_a_program_for_a_server_without_an_endpoint_calls_the_platform(serve: Serve, visit: Open) -> None:
    """Whoever copies it has an endpoint and a key there, neither of which this server knows."""
    seen = visit(serve(says()))
    seen.run("""document.querySelector('meta[name="askpod-endpoint"]').content = ''""")
    seen.ask(QUESTION)
    seen.page.locator('[data-copy="python"]').click()
    code = seen.text(".code")
    assert 'runpod.Endpoint("YOUR_ENDPOINT_ID", api_key=os.environ["API_KEY"])' in code
    assert seen.origin not in code


def test_each_source_is_named_in_the_order_of_use(serve: Serve, visit: Open) -> None:
    """Two passages for two questions, each with its own mark; a part that has no answer is told apart."""
    seen = visit(serve(says("Bananas are yellow.")))
    turn = seen.ask(f"{QUESTION[:-1]} by default and what is a LoRA adapter?")
    assert ["1", "2"] == turn.locator(".chip").all_inner_texts()
    assert ["server.md, line 3", "adapters.md, line 3"] == seen.page.locator(".source .place").all_inner_texts()
    turn.locator(".chip").nth(1).click()
    mark = seen.page.locator("mark").nth(1)
    expect(mark).to_be_focused()
    assert "A LoRA adapter is a small set of weights. The first adapter is the default one." == mark.text_content()
    seen.page.get_by_role("button", name="Back to the answer").nth(1).click()
    expect(turn.locator(".chip").nth(1)).to_be_focused()
    half = seen.ask(f"{QUESTION[:-1]} by default and who painted Mona Lisa?")
    assert "not in the documents" == half.locator(".unsupported .badge").inner_text()
    assert 1 == half.locator(".chip").count()


def test_a_page_of_a_pdf_is_named(serve: Serve, visit: Open) -> None:
    """Where a document has pages, instead of a line."""
    seen = visit(serve(says()))
    places = seen.run(
        """async () => {
          const { placeOf } = await import("/page/answer.js");
          const place = { source: "a.pdf", line: null, start: 5, end: 9 };
          return [placeOf({ ...place, page: 3 }), placeOf({ ...place, page: null })];
        }"""
    )
    assert ["a.pdf, page 3", "a.pdf, characters 5–9"] == places


def test_how_sure_an_answer_is_is_said_in_words(serve: Serve, visit: Open) -> None:
    """And the bar is as long."""
    seen = visit(serve(says()))
    shown = seen.run(
        """async () => {
          const { confidenceOf } = await import("/page/answer.js");
          return [0.999, 0.6, 0.3, 0.1].map(confidenceOf)
            .map((one) => [one.querySelector(".meter span").style.inlineSize, one.textContent]);
        }"""
    )
    assert [
        ["99.9%", "Confidence 99%: very likely right"], ["60%", "Confidence 60%: probably right"],
        ["30%", "Confidence 30%: doubtful; look at the source"], ["10%", "Confidence 10%: a guess"],
    ] == shown  # fmt: skip


def test_what_breaks_on_the_way_is_told_and_can_be_asked_again(serve: Serve, visit: Open) -> None:
    """A proxy's own error, a stream that ends in the middle, and one that is no JSON; the next one is answered."""
    seen = visit(serve(says()))
    broken = [
        {"status": 502, "content_type": "application/json", "body": '{"message": "bad gateway"}'},
        {"status": 503, "content_type": "text/html", "body": "<h1>busy</h1>", "headers": {"Retry-After": "7"}},
        {"status": 200, "content_type": "text/event-stream", "body": "event: status\ndata: {"},
        {"status": 200, "content_type": "text/event-stream", "body": "event: status\ndata: {bad}\n\n"},
    ]
    seen.page.route("**/v1/ask", lambda route: route.fulfill(**broken.pop(0)) if broken else route.continue_())
    turn = seen.ask(QUESTION)
    for words in ("http_502", "ask again in 7 s", "unreachable", "unreadable"):
        assert words in turn.get_by_role("alert").inner_text()
        turn.get_by_role("button", name="Ask again").click()
        expect(turn).to_have_class("turn ended")
    expect(turn.locator(".words")).to_contain_text(SENTENCE)
    assert all("history" not in body for body in seen.sent())
    seen.failures.clear()


def test_a_question_is_not_lost_while_the_server_is_away(serve: Serve, visit: Open) -> None:
    """Its card stays until it can be asked again."""
    seen = visit(serve(says()))
    look = "document.dispatchEvent(new Event('visibilitychange'))"
    seen.page.route("**/v1/ask", lambda route: route.abort())
    turn = seen.ask(QUESTION)
    seen.page.unroute("**/v1/ask")
    seen.page.route("**/health", lambda route: route.fulfill(json={"state": "draining"}))
    seen.run(look)
    expect(seen.page.locator("#state-name")).to_have_text("stopping")
    turn.get_by_role("button", name="Ask again").click()
    assert QUESTION in turn.locator(".asked").inner_text()
    seen.page.unroute("**/health")
    seen.run(look)
    expect(seen.page.locator("#state-name")).to_have_text("ready")
    turn.get_by_role("button", name="Ask again").click()
    expect(seen.page.locator(".words")).to_contain_text(SENTENCE)


def test_an_answer_that_the_page_cannot_show_is_told(serve: Serve, visit: Open) -> None:
    """As when server and page are of two versions; and one that has come is shown, whatever breaks behind it."""
    client = serve(says())
    seen = visit(client)
    stream = client.post("/v1/ask", json={"question": QUESTION, "stream": True}).text
    bodies = ['event: final\ndata: {"answer": {"citations": null}}\n\n', stream.split("event: done")[0]]
    seen.page.route(
        "**/v1/ask", lambda route: route.fulfill(status=200, content_type="text/event-stream", body=bodies.pop(0))
    )
    assert "unreadable" in seen.ask(QUESTION).get_by_role("alert").inner_text()
    assert SENTENCE in seen.ask(QUESTION).locator(".words").inner_text()
    expect(seen.page.locator("#spoken")).to_have_text(f"{SENTENCE} [1]")
    seen.failures.clear()


def test_who_is_at_a_source_stays_there_when_the_next_answer_comes(serve: Serve, visit: Open) -> None:
    """The sources are those of the chip that was pressed, and the sentence keeps the reader's attention."""
    seen = visit(serve(says(delay_s=0.3)))
    first = seen.ask(QUESTION)
    seen.begin("Why does it?")
    first.locator(".chip").click()
    expect(seen.page.locator("mark")).to_be_focused()
    seen.page.locator(".turn.ended").nth(1).wait_for()
    expect(seen.page.locator("mark")).to_be_focused()
    assert QUESTION in seen.text("#sources-list")


def test_events_are_read_however_they_are_cut(serve: Serve, visit: Open) -> None:
    """By either kind of line end, with heartbeats between them, and in pieces of one byte."""
    client = serve(says())
    seen = visit(client)
    stream = client.post("/v1/ask", json={"question": QUESTION, "stream": True}).text
    crlf = f": ping\n\n{stream}".replace("\n", "\r\n")
    read = seen.run(
        """async (streams) => {
          const { ask } = await import("/page/api.js");
          const found = [];
          for (const bytes of streams.map((one) => new TextEncoder().encode(one))) {
            const body = new ReadableStream({ start(to) {
              bytes.forEach((one) => to.enqueue(Uint8Array.of(one)));
              to.close();
            } });
            window.fetch = async () => new Response(body);
            const names = [];
            for await (const { event } of ask({ question: "x" }, "", null)) names.push(event);
            found.push(names);
          }
          return found;
        }""",
        [stream, crlf],
    )
    assert ["status", "status", "sources"] == read[0][:3]
    assert "final" == read[0][-1]
    assert read[0] == read[1]


def test_a_long_conversation_is_cut_at_its_beginning(serve: Serve, visit: Open) -> None:
    """To what a request may hold, in messages, characters and bytes; an answer that says nothing is left out."""
    seen = visit(serve(says()))
    short, long, empty = seen.run(
        """async () => {
          const { historyOf } = await import("/page/conversation.js");
          const turn = (question, answer) => ({ request: { question }, answer: answer && { answer, blocks: [] } });
          const many = [...Array(30).keys()].map((n) => turn(`q${n}`, `a${n} [1]`));
          const long = [...Array(10).keys()].map(() => turn("é".repeat(3900), "😀".repeat(5000)));
          return [historyOf(many), historyOf(long), historyOf([turn("x", "[1]"), turn("y", null)])];
        }"""
    )
    assert [40, "q10", "a29"] == [len(short), short[0]["content"], short[-1]["content"]]
    assert [2, 4000] == [len(long), len(long[1]["content"])]
    assert [] == empty


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


def test_a_filter_that_is_half_filled_in_is_refused_and_not_forgotten(serve: Serve, visit: Open) -> None:
    """Rows come and go, the drawer stays open, and says how many options hold."""
    seen = visit(serve(says()))
    seen.page.locator("#options summary").click()
    seen.page.get_by_role("button", name="Another filter").click()
    rows = seen.page.locator(".filter")
    expect(rows).to_have_count(2)
    expect(rows.nth(1).locator("input").first).to_be_focused()
    rows.nth(1).get_by_label("field").fill("source")
    rows.first.get_by_role("button", name="Remove this filter").click()
    expect(rows).to_have_count(1)
    seen.page.get_by_label("Passages to read").fill("50")
    assert "Options (2)" == seen.text("#options-name")
    seen.page.keyboard.press("Escape")
    assert "invalid_request" in seen.ask(QUESTION).get_by_role("alert").inner_text()
    assert {"top_k": 50, "filters": {"source": ""}}.items() <= seen.sent()[0].items()


def test_nobody_is_disturbed_while_an_answer_comes_in(serve: Serve, visit: Open) -> None:
    """Who types elsewhere goes on typing, Escape closes what is open first, and another question stays a draft."""
    engine = says(delay_s=0.2)
    seen = visit(serve(engine))
    seen.begin(QUESTION)
    seen.page.locator("#options summary").click()
    seen.page.get_by_label("is exactly").fill("ser")
    seen.page.fill("#question", "a draft")
    seen.page.locator("#options summary").click()
    seen.page.get_by_label("is exactly").focus()
    seen.page.locator(".turn.ended").wait_for()
    expect(seen.page.get_by_label("is exactly")).to_be_focused()
    assert "a draft" == seen.page.input_value("#question")
    seen.page.get_by_label("is exactly").fill("")
    seen.page.keyboard.press("Escape")
    seen.page.get_by_role("button", name="New conversation").click()
    seen.begin(QUESTION)
    seen.page.locator("#options summary").click()
    seen.page.keyboard.press("Escape")
    expect(seen.page.locator("#options > .panel")).not_to_be_visible()
    seen.page.locator(".turn.ended .words").wait_for()
    assert 0 == engine.cancelled
    seen.begin(QUESTION)
    seen.page.get_by_role("button", name="New conversation").click()
    wait(lambda: engine.cancelled == 1)
    assert "" == seen.text("#spoken")


def test_the_trace_says_how_the_answer_came_about(serve: Serve, visit: Open) -> None:
    """Route, queries, passages with their scores, what was read, tokens, times as bars, and the request's id."""
    seen = visit(serve(says()))
    turn = seen.ask(QUESTION)
    turn.locator(".trace summary").click()
    trace = turn.locator(".trace")
    facts = dict(
        zip(trace.locator("dt").all_inner_texts(), trace.locator("dd").all_inner_texts(), strict=True)
    )  # fmt: skip
    assert {"Route": "question", "Language": "English", "Model": "scripted", "Cold start": "yes"}.items() <= (
        facts.items()
    )
    assert re.fullmatch(r"\d+ read \(0 of them cached\), 9 written", facts["Tokens"])
    assert re.fullmatch(r"[0-9a-f]{32}", facts["Request id"])
    assert [QUESTION] == trace.locator(".queries li").all_inner_texts()
    rows = trace.locator(".scores tbody tr")
    assert "server.md" in rows.first.inner_text()
    assert 3 == len(re.findall(r"\d\.\d{3}", rows.first.inner_text()))
    assert "server.md" in trace.locator(".packed").inner_text()
    bars = trace.locator(".bar").evaluate_all(
        "bars => bars.map((bar) => bar.getBoundingClientRect()).map((box) => [box.left, box.width])"
    )
    lasted = [float(shown.removesuffix(" ms")) for shown in trace.locator(".ms").all_inner_texts()]
    assert lasted.index(max(lasted)) == max(range(len(lasted)), key=lambda place: bars[place][1])
    # One after the other, to the pixel.
    assert sorted(left for left, _width in bars) == [left for left, _width in bars]
    assert all(right[0] >= left[0] + left[1] - 3 for left, right in pairwise(bars))


def test_the_api_s_own_page_works_under_its_policy(serve: Serve, visit: Open) -> None:
    """Swagger shows the operations and tries one; the browser had nothing to refuse."""
    seen = visit(serve(says()))
    seen.page.goto(f"{seen.origin}/docs")
    operation = seen.page.locator("[id^='operations-'][id$='ask_post']").first
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")


def test_the_page_speaks_spanish(serve: Serve, visit: Open) -> None:
    """To a Spanish browser, or when it is told to; what is there changes with it, and the choice is kept."""
    seen = visit(serve(says(delay_s=0.5)), locale="es-MX")
    assert "es" == seen.run("document.documentElement.lang")
    assert "Preguntar" == seen.text("#send")
    turn = seen.ask(UNKNOWN)
    assert "No está en los documentos" in turn.inner_text()
    turn.locator('[data-copy="curl"]').click()
    seen.begin(QUESTION)
    running = seen.page.locator(".turn").nth(1)
    expect(running.locator(".status")).to_contain_text("comprueba")
    seen.page.get_by_label("Idioma de esta página").select_option("en")
    assert "Not in the documents" in turn.inner_text()
    assert "curl -s" in turn.locator(".code").inner_text()
    expect(running.locator(".status")).to_contain_text("is checked")
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
