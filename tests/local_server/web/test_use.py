"""The ask page for whoever has no mouse, no eyes for it, a small screen or a server that is not ready."""

import threading
from collections.abc import Callable

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from agent.engine.scripted import ScriptedEngine
from agent.loading import Loaded
from agent.runtime import Runtime
from agent.settings import Settings
from agent.telemetry.clock import Phase
from tests.fakes.loading import scripted_loader
from tests.local_server.serving import QUESTION, SENTENCE, serving, wait
from tests.local_server.web.conftest import Open

Serve = Callable[..., httpx.Client]
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


def says(**options: object) -> ScriptedEngine:
    return ScriptedEngine(lambda _prompt: SENTENCE, **options)  # type: ignore[arg-type]


def test_the_keyboard_is_enough(serve: Serve, visit: Open) -> None:
    """To ask, to stop, to go to a source and back, and to open and close what can be opened."""
    engine = says(delay_s=0.3)
    seen = visit(serve(engine))
    keyboard = seen.page.keyboard
    expect(seen.page.locator("#send")).to_be_enabled()
    seen.page.locator("#options summary").focus()
    keyboard.press("Enter")
    expect(seen.page.get_by_label("Wording")).to_be_visible()
    keyboard.press("Escape")
    expect(seen.page.get_by_label("Wording")).not_to_be_visible()
    expect(seen.page.locator("#options summary")).to_be_focused()
    seen.page.get_by_role("link", name="Skip to the question").focus()
    keyboard.press("Enter")
    expect(seen.page.locator("#question")).to_be_focused()
    keyboard.type("First line")
    keyboard.press("Shift+Enter")
    keyboard.type(QUESTION)
    keyboard.press("Enter")
    expect(seen.page.locator(".draft")).to_be_visible()
    keyboard.press("Escape")
    wait(lambda: engine.cancelled == 1)
    assert f"First line\n{QUESTION}" == seen.sent()[0]["question"]
    turn = seen.ask(QUESTION)
    turn.locator(".chip").focus()
    keyboard.press("Enter")
    expect(seen.page.locator("mark")).to_be_focused()
    keyboard.press("Tab")
    keyboard.press("Enter")
    expect(turn.locator(".chip")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_a_screen_reader_or_weak_eyes_out(serve: Serve, visit: Open, scheme: str) -> None:
    """As far as axe can tell (WCAG 2.2 A and AA): names, roles, contrasts, in every state the page can be in."""
    seen = visit(
        serve(says(adapters=("ask",), delay_s=0.3)), color_scheme=scheme, reduced_motion="reduce", bypass_csp=True
    )
    axe, options = Axe(), {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}

    def check() -> None:
        report = axe.run(seen.page, options=options)
        assert 0 == report.violations_count, report.generate_report()

    check()
    seen.begin(QUESTION)
    seen.page.locator(".draft").wait_for()
    check()
    seen.page.keyboard.press("Escape")
    seen.page.locator(".turn.ended").wait_for()
    seen.page.route("**/v1/ask", lambda route: route.abort())
    seen.ask(QUESTION)
    seen.page.unroute("**/v1/ask")
    check()
    seen.ask(QUESTION).locator(".trace summary").click()
    seen.page.locator('[data-copy="curl"]').click()
    check()
    seen.ask("Who painted Mona Lisa?")
    seen.page.locator("#options summary").click()
    check()
    seen.page.locator("#state summary").click()
    check()
    seen.page.get_by_label("Language of this page").select_option("es")
    seen.page.route("**/health", lambda route: route.fulfill(json={"state": "draining"}))
    seen.run("document.dispatchEvent(new Event('visibilitychange'))")
    seen.page.locator("#notice").wait_for()
    check()
    seen.run("document.getElementById('key-dialog').showModal()")
    seen.run("document.getElementById('key-wrong').textContent = 'Falta la clave'; ")
    seen.run("document.getElementById('key-wrong').hidden = false")
    check()


def test_a_screen_reader_hears_the_answer_once(serve: Serve, visit: Open) -> None:
    """When it has been checked, and not the draft word by word."""
    seen = visit(serve(says()))
    seen.ask(QUESTION)
    expect(seen.page.locator("#spoken")).to_have_text(f"{SENTENCE} [1]")
    assert 1 == seen.page.get_by_text(f"{SENTENCE} [1]").count()
    assert "false" == seen.run(
        "String(document.querySelector('.draft').closest('[aria-live], [role=status]') !== null)"
    )


def test_a_phone_is_wide_enough(serve: Serve, visit: Open) -> None:
    """Nothing is cut off at the side, and a chip brings its sentence to the screen, clear of what floats over it."""
    seen = visit(
        serve(says(), {"long.md": f"# {'Long' * 30}\n\n{SENTENCE} {'x' * 400}\n"}), reduced_motion="reduce", **PHONE
    )
    turn = seen.ask(QUESTION)
    turn.locator(".trace summary").tap()
    seen.page.locator('[data-copy="python"]').tap()
    for drawer in ("#options", "#state"):
        seen.page.locator(f"{drawer} summary").tap()
        expect(seen.page.locator(f"{drawer} > .panel")).to_be_in_viewport(ratio=0.9)
        assert 360 >= seen.run("document.documentElement.scrollWidth")
        seen.page.locator(f"{drawer} summary").tap()
    turn.locator(".chip").tap()
    mark = seen.page.locator("mark")
    expect(mark).to_be_in_viewport(ratio=1)
    box, footer = mark.bounding_box(), seen.page.locator("footer").bounding_box()
    assert box is not None
    assert footer is not None
    assert box["y"] + box["height"] <= footer["y"]


def test_the_page_says_how_loading_goes_and_when_the_server_leaves(settings: Settings, visit: Open) -> None:
    """Part by part while it loads, and that nobody can ask yet; ready; stopping; gone."""
    may_load = threading.Event()
    good = scripted_loader(says(delay_s=3))

    def slow(settings: Settings, phase: Phase) -> Loaded:
        phase("imports", 1234.0)
        may_load.wait()
        return good(settings, phase)

    runtime = Runtime(settings, slow)
    with serving(runtime, until_ready=False, grace_s=30) as client:
        seen = visit(client)
        expect(seen.page.locator("#notice")).to_contain_text("Done so far: imports")
        seen.page.locator("#state summary").click()
        expect(seen.page.locator(".phases")).to_contain_text("imports 1.2 s")
        expect(seen.page.locator("#send")).to_be_disabled()
        may_load.set()
        expect(seen.page.locator("#state-name")).to_have_text("ready")
        expect(seen.page.locator("#state-details")).to_contain_text("3 documents")
        seen.begin(QUESTION)
        seen.page.locator(".draft").wait_for(state="attached")
        runtime.drain()
        seen.run("document.dispatchEvent(new Event('visibilitychange'))")
        expect(seen.page.locator("#notice")).to_contain_text("about to stop")
        seen.page.keyboard.press("Escape")
    seen.run("document.dispatchEvent(new Event('visibilitychange'))")
    expect(seen.page.locator("#state-name")).to_have_text("unreachable")
    expect(seen.page.locator("#notice")).to_have_text("The server does not answer.")
