"""Somebody on the ask page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from playwright.sync_api import Locator, Page, Request

from tests.local_server.serving import KEY


@dataclass
class Visit:
    """A page that is open, and what it asked for. Nothing of it may fail or come from elsewhere."""

    page: Page
    origin: str
    failures: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    @classmethod
    @contextmanager
    def of(cls, page: Page, client: httpx.Client) -> Iterator["Visit"]:
        """Open it; at the end, everything must have come from this server, and no script have failed."""
        visit = cls(page, str(client.base_url))
        page.on("pageerror", lambda error: visit.failures.append(str(error)))
        page.on("console", lambda message: visit.failures.append(message.text) if _is_failure(message.text) else None)
        page.on("request", lambda request: visit.requests.append(request))
        page.goto(visit.origin)
        yield visit
        assert [] == visit.failures
        assert [] == [one.url for one in visit.requests if not one.url.startswith(visit.origin)]

    def ask(self, question: str) -> Locator:
        """Type a question, press Enter, and wait until all has been said; the turn."""
        turns = self.page.locator(".turn")
        count = turns.count()
        self.begin(question)
        turn = turns.nth(count)
        turn.and_(self.page.locator(".ended")).wait_for()
        return turn

    def begin(self, question: str) -> None:
        """As `ask`, without waiting."""
        self.page.locator('#state:is([data-state="ready"], [data-state="busy"])').wait_for()
        self.page.fill("#question", question)
        self.page.press("#question", "Enter")

    def enter_key(self, key: str = KEY) -> None:
        """Type a key where the page asks for it."""
        self.page.fill("#key-field", key)
        self.page.press("#key-field", "Enter")

    def sent(self) -> list[dict[str, Any]]:
        """The bodies of the questions, in order."""
        return [one.post_data_json for one in self.requests if one.url.endswith("/v1/ask")]

    def text(self, selector: str) -> str:
        """What somebody reads there."""
        return self.page.locator(selector).inner_text()

    def run(self, script: str, argument: object = None) -> Any:
        """What a script in the page returns."""
        return self.page.evaluate(script, argument)


def _is_failure(message: str) -> bool:
    """A browser notes every answer with an error's status, which a page can get."""
    return "Failed to load resource" not in message
