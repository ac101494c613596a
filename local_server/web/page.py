"""GET /: the ask page, and under /page what it is made of. Nothing of it comes from outside, and nothing is built."""

import html
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, HTMLResponse, Response

from agent.errors import NotFound

PAGE, PARTS = "/", "/page"
_STATIC = Path(__file__).with_name("static")
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
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
    # Asked for again each time, and sent only if it has changed.
    "Cache-Control": "no-cache",
}


def page_router(*, with_key: bool, endpoint_id: str | None) -> APIRouter:
    """The page, which asks for a key if `with_key`, and tells how to call the endpoint of this id, if there is one."""
    router = APIRouter(include_in_schema=False)
    told = {"KEY": "wanted" if with_key else "none", "ENDPOINT": endpoint_id or ""}
    text = (_STATIC / "index.html").read_text(encoding="utf-8")
    for name, value in told.items():
        text = text.replace(f"{{{{{name}}}}}", html.escape(value))
    parts = {path.name: path for path in _STATIC.iterdir() if path.suffix in _TYPES}

    @router.api_route(PAGE, methods=["GET", "HEAD"])
    async def page() -> Response:
        """The page itself."""
        return HTMLResponse(text, headers=_HEADERS)

    @router.api_route(f"{PARTS}/{{name}}", methods=["GET", "HEAD"])
    async def part(name: str) -> Response:
        """Style, scripts and icon, by name; there is no way to another file."""
        if (path := parts.get(name)) is None:
            raise NotFound
        return FileResponse(path, media_type=_TYPES[path.suffix], headers=_HEADERS)

    return router
