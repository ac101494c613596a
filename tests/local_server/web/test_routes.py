"""The page and its parts over HTTP."""

import re
from collections.abc import Iterator

import httpx
import pytest

from agent.runtime import Runtime
from agent.settings import Settings
from local_server.web.page import POLICY
from tests.fakes.loading import scripted_loader
from tests.local_server.serving import QUESTION, problem, serving


@pytest.fixture
def stranger(client: httpx.Client) -> Iterator[httpx.Client]:
    """Without a key."""
    with httpx.Client(base_url=client.base_url) as stranger:
        yield stranger


def test_the_page_and_its_parts_need_no_key_and_run_nothing_else(stranger: httpx.Client) -> None:
    """Each part that the page names is there, of its own type, and under a policy that allows these parts only."""
    page = stranger.get("/")
    names = [f"/{name}" for name in re.findall(r'(?:src|href)="(page/[^"]+)"', page.text)]
    scripts = [name for name in names if name.endswith(".js")]
    for script in scripts:
        imported = re.findall(r'from "\./([^"]+)"', stranger.get(script).text)
        scripts += [path for name in imported if (path := f"/page/{name}") not in scripts]
    types = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
    assert len({*names, *scripts}) > 10
    for name in {"/", *names, *scripts}:
        part, head = stranger.get(name), stranger.head(name)
        assert (200, 200, b"") == (part.status_code, head.status_code, head.content)
        assert types.get(name.rsplit(".")[-1], "text/html") == part.headers["content-type"].split(";")[0]
        assert (POLICY, "nosniff", "no-cache") == tuple(
            part.headers[header] for header in ("content-security-policy", "x-content-type-options", "cache-control")
        )
    assert "unsafe" not in POLICY
    assert not re.search(r"(?:<script>|<style|style=|onclick=|https?://)", page.text)


@pytest.mark.parametrize(
    "path", ["/page", "/page/", "/page/nothing.js", "/page/index.html", "/page/../page.py", "/page/%2e%2e%2fpage.py",
             "/page/..%2f..%2fapp.py", "/page//etc/passwd"],
)  # fmt: skip
def test_nothing_but_the_parts_can_be_had(stranger: httpx.Client, path: str) -> None:
    """Whatever the path says."""
    answer = stranger.send(stranger.build_request("GET", stranger.base_url.copy_with(raw_path=path.encode())))
    assert answer.status_code in (401, 404)
    assert answer.json()["code"] in ("unauthorized", "not_found")


def test_what_has_not_changed_is_not_sent_again(stranger: httpx.Client) -> None:
    """A browser asks each time, with the name of what it has."""
    for path in ("/", "/page/main.js", "/page/page.css"):
        first = stranger.get(path)
        again = stranger.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (304, b"") == (again.status_code, again.content)
        assert 200 == stranger.get(path, headers={"If-None-Match": '"another"'}).status_code


def test_the_page_can_be_left_out(settings: Settings) -> None:
    """Then nothing is there, and the API is."""
    with serving(Runtime(settings.model_copy(update={"page_enabled": False}), scripted_loader())) as client:
        for path in ("/", "/page/main.js"):
            problem(client.get(path), 404, "not_found")
        assert 200 == client.post("/v1/ask", json={"question": QUESTION}).status_code
