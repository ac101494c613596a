"""python -m tools.page_pictures: pictures of the ask page of a running server, taken by a real browser."""

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Error, Page, sync_playwright

from tools.browser import NO_BROWSER, find_browser
from tools.serving import ServerFailed, running_server

_KEY = "a-key-for-one-picture"
# A capable model on a CPU reads its passages for half a minute.
_PATIENCE_MS = 300_000


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: whose browser it is, what is asked, and what is opened then.

    `capable` needs a model that writes lists; it is taken with `--only` and BASE_MODEL.
    """

    name: str
    question: str
    browser: dict[str, Any] = field(default_factory=dict)
    opened: tuple[str, ...] = ()
    capable: bool = False


_WIDE = {"viewport": {"width": 1280, "height": 760}, "color_scheme": "light", "locale": "en-GB"}
_TALL = _WIDE | {"viewport": {"width": 1280, "height": 1000}}
_PHONE = {
    "viewport": {"width": 390, "height": 780}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True,
    "color_scheme": "dark", "locale": "es-ES",
}  # fmt: skip
PICTURES = (
    Picture("ask-page", "Which HTTP header carries the API key, and which port does the server listen on?", _WIDE),
    Picture("ask-page-trace", "Which HTTP header carries the API key?", _WIDE, (".trace > summary",)),
    Picture("ask-page-list", "Which states can GET /health report, and what does each mean?", _TALL, capable=True),
    Picture("ask-page-phone", "¿Qué cabecera lleva la clave de la API?", _PHONE),
)


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 written, 1 the server or the browser failed, 2 there is no browser."""
    parser = argparse.ArgumentParser(prog="python -m tools.page_pictures", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("docs"))
    parser.add_argument("--only", help="take this picture alone")
    options = parser.parse_args(arguments)
    folder: Path = options.folder
    executable = find_browser()
    if executable is None:
        sys.stderr.write(NO_BROWSER)
        return 2
    try:
        with running_server({"API_KEYS": _KEY}) as server, sync_playwright() as playwright:
            server.wait_until_ready()
            browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
            wanted = [one for one in PICTURES if (options.only or not one.capable) and options.only in (None, one.name)]
            for picture in wanted:
                path = folder / f"{picture.name}.png"
                _take(browser, server.url, picture, path)
                sys.stderr.write(f"Written: {path}\n")
            browser.close()
    except (ServerFailed, Error) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _take(browser: Browser, url: str, picture: Picture, path: Path) -> None:
    context = browser.new_context(reduced_motion="reduce", **picture.browser)
    context.set_default_timeout(_PATIENCE_MS)
    try:
        page = context.new_page()
        page.goto(url)
        _ask(page, picture.question)
        page.locator(".chip").first.click()
        for selector in picture.opened:
            page.locator(selector).click()
        page.locator(".turn").first.scroll_into_view_if_needed()
        page.mouse.move(0, 0)
        page.screenshot(path=path)
    finally:
        context.close()


def _ask(page: Page, question: str) -> None:
    page.fill("#key-field", _KEY)
    page.press("#key-field", "Enter")
    page.locator('#state[data-state="ready"]').wait_for()
    page.fill("#question", question)
    page.press("#question", "Enter")
    page.locator(".turn.ended").wait_for()


if __name__ == "__main__":
    sys.exit(main())
