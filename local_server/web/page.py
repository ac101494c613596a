"""GET /: the ask page, and under /page what it is made of. Nothing of it comes from outside, and nothing is built."""

import hashlib
import html
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from agent.errors import NotFound

PAGE, PARTS = "/", "/page"
_STATIC = Path(__file__).with_name("static")
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
# What an answer or a document says is never run: no script, style, frame or form but the page's own
# (https://www.w3.org/TR/CSP3/).
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Asked for again each time, and sent only if it has changed.
    "Cache-Control": "no-cache",
}
_METHODS = ["GET", "HEAD"]


class _Part:
    """A file, in memory, with the name that its content has for caches (RFC 9110, 8.8.3)."""

    def __init__(self, content: bytes, media_type: str) -> None:
        self._content = content
        self._media_type = media_type
        self._etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'

    def response(self, request: Request) -> Response:
        """The file, or that it is still the same."""
        headers = _HEADERS | {"ETag": self._etag}
        if request.headers.get("if-none-match") == self._etag:
            return Response(status_code=304, headers=headers)
        return Response(self._content, headers=headers, media_type=self._media_type)


def page_router(*, with_key: bool, endpoint_id: str | None, of_events: bool, with_workers: bool) -> APIRouter:
    """The page.

    Args:
        with_key: it asks for a key.
        endpoint_id: of the emulated endpoint that it tells how to call; None where there is none.
        of_events: a job's output is the list of the answer's events.
        with_workers: worker processes do the jobs, and asking for the models is one.
    """
    router = APIRouter(include_in_schema=False)
    told = {
        "KEY": "wanted" if with_key else "none",
        "ENDPOINT": endpoint_id or "",
        "OUTPUT": "events" if of_events else "answer",
        "WORKERS": "yes" if with_workers else "no",
    }
    text = (_STATIC / "index.html").read_text(encoding="utf-8")
    for name, value in told.items():
        text = text.replace(f"{{{{{name}}}}}", html.escape(value))
    whole = _Part(text.encode(), _TYPES[".html"])
    files = [path for path in _STATIC.iterdir() if path.suffix in _TYPES and path.suffix != ".html"]
    parts = {path.name: _Part(path.read_bytes(), _TYPES[path.suffix]) for path in files}

    @router.api_route(PAGE, methods=_METHODS)
    async def page(request: Request) -> Response:
        """The page itself."""
        return whole.response(request)

    @router.api_route(f"{PARTS}/{{name}}", methods=_METHODS)
    async def part(request: Request, name: str) -> Response:
        """Style, scripts and icon, by name; there is no way to another file."""
        if (found := parts.get(name)) is None:
            raise NotFound
        return found.response(request)

    return router
