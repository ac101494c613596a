"""A real browser, and pages that must neither fail nor ask anybody else."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from agent.engine.base import Engine
from agent.runtime import Runtime
from agent.settings import Settings
from tests.fakes.given_answer import GivenAgent, answering_loader
from tests.fakes.loading import scripted_loader
from tests.local_server.serving import serving
from tests.local_server.web.visit import Visit
from tools.browser import find_browser

# A browser as it comes asks its maker for this and that.
_QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
_PATIENCE_MS = 20_000
Open = Callable[..., Visit]


# Of a module, all of whose tests are synchronous: as long as Playwright runs, no other event loop can in this thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; without one, the tests of the page are skipped."""
    found = find_browser()
    if found is None:
        pytest.skip("there is no Chromium for the tests of the ask page: apt-get install chromium")
    # A slow machine is no failure.
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_QUIET)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Opens the page of a server, as somebody with a browser of their own; options are those of the browser."""
    with ExitStack() as opened:

        def open_page(client: httpx.Client, **options: Any) -> Visit:
            context = browser.new_context(**{"locale": "en-GB"} | options)
            opened.callback(context.close)
            context.set_default_timeout(_PATIENCE_MS)
            return opened.enter_context(Visit.of(context.new_page(), client))

        yield open_page


@pytest.fixture
def serve(settings: Settings) -> Iterator[Callable[..., httpx.Client]]:
    """Starts a server whose engine says what it is told to say; fields are those of the settings."""
    with ExitStack() as started:

        def start(engine: Engine, documents: dict[str, str] | None = None, **fields: Any) -> httpx.Client:
            fields.setdefault("auth_disabled", True)
            runtime = Runtime(settings.model_copy(update=fields), scripted_loader(engine, documents))
            return started.enter_context(serving(runtime))

        yield start


@pytest.fixture
def serve_answer(settings: Settings) -> Iterator[Callable[[GivenAgent], httpx.Client]]:
    """Starts a server whose answer is given."""
    with ExitStack() as started:

        def start(agent: GivenAgent) -> httpx.Client:
            runtime = Runtime(settings.model_copy(update={"auth_disabled": True}), answering_loader(agent))
            return started.enter_context(serving(runtime))

        yield start
