"""python -m tools.swagger_screenshot: a picture of the running server's API page, taken by a real browser."""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tools.browser import NO_BROWSER, find_browser
from tools.serving import ServerFailed, running_server

_BROWSER_S = 120
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-component-update",
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
    "--virtual-time-budget=15000",
    # Without it, what the deep link scrolled past is left unpainted.
    "--run-all-compositor-stages-before-draw",
)


def operation_fragment(openapi: dict[str, Any], path: str, method: str) -> str:
    """Swagger UI's deep link to an operation: `#/<tag>/<operationId>`; the page opens with it expanded."""
    operation = openapi["paths"][path][method]
    return f"#/{operation['tags'][0]}/{operation['operationId']}"


def dangling_references(openapi: dict[str, Any]) -> set[str]:
    """Every `$ref` that points at nothing; Swagger UI would show a red box for it."""

    def references(node: object) -> Iterator[str]:
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        if isinstance(node, dict) and isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in children:
            yield from references(child)

    return {reference for reference in references(openapi) if not _resolves(openapi, reference)}


def _resolves(openapi: dict[str, Any], reference: str) -> bool:
    """As in RFC 6901, for references into the same document; our names need no unescaping."""
    node: object = openapi
    for part in reference.removeprefix("#/").split("/"):
        node = node.get(part) if isinstance(node, dict) else None
    return node is not None


def screenshot(browser: str, url: str, picture: Path, size: str) -> None:
    """Write `picture` (PNG) of the page at `url`; `size` is `width,height` in pixels.

    Raises:
        subprocess.SubprocessError: the browser failed, or took longer than two minutes.
    """
    with tempfile.TemporaryDirectory(prefix="askpod-browser-") as profile:
        subprocess.run(
            [browser, *_FLAGS, f"--user-data-dir={profile}", f"--window-size={size}", f"--screenshot={picture}", url],
            check=True,
            capture_output=True,
            timeout=_BROWSER_S,
        )


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 written, 1 the server, its API description or the browser failed, 2 there is no browser."""
    parser = argparse.ArgumentParser(prog="python -m tools.swagger_screenshot", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/swagger-ui.png"))
    parser.add_argument("--size", default="1280,1800", help="width,height of the window, in pixels")
    options = parser.parse_args(arguments)
    browser = find_browser()
    if browser is None:
        sys.stderr.write(NO_BROWSER)
        return 2
    try:
        with running_server({"API_KEYS": "a-key-for-one-picture"}) as server:
            openapi = httpx.get(f"{server.url}/openapi.json").raise_for_status().json()
            if dangling := dangling_references(openapi):
                sys.stderr.write(f"The API's description refers to what is not in it: {', '.join(sorted(dangling))}\n")
                return 1
            page = f"{server.url}/docs{operation_fragment(openapi, '/v1/ask', 'post')}"
            sys.stderr.write("Taking the picture ...\n")
            screenshot(browser, page, options.output.resolve(), options.size)
    except (ServerFailed, httpx.HTTPError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write(f"Written: {options.output}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
