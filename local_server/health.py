"""GET /health, /health/live, /health/ready, /health/startup."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from local_server.answering import Answering

# One route for both, so that a 405 names both in Allow; the GET above each of them is there for OpenAPI only.
_METHODS = ["GET", "HEAD"]


def health_router(runtime: Answering) -> APIRouter:
    """Four answers to four questions: what is going on, is the process alive, would a question be answered, and has
    it loaded at all.
    """
    router = APIRouter(prefix="/health", tags=["health"])

    @router.get("", summary="State, versions, what is loaded, phase times")
    @router.api_route("", methods=_METHODS, include_in_schema=False)
    async def health() -> JSONResponse:
        """200 when ready, else 503 with the same body."""
        return JSONResponse(runtime.health(), status_code=200 if runtime.ready else 503)

    @router.get("/live", summary="The process answers")
    @router.api_route("/live", methods=_METHODS, include_in_schema=False)
    async def live() -> JSONResponse:
        """Always 200: a process that still loads, or could not load, is alive."""
        return JSONResponse({"live": True})

    @router.get("/ready", summary="A question would be answered")
    @router.api_route("/ready", methods=_METHODS, include_in_schema=False)
    async def ready() -> JSONResponse:
        """200 when model, adapters and index are loaded and warm, else 503, with the error after a failed load."""
        health = runtime.health()
        body = {name: health[name] for name in ("ready", "error") if name in health}
        return JSONResponse(body, status_code=200 if body["ready"] else 503)

    @router.get("/startup", summary="The cold start is over")
    @router.api_route("/startup", methods=_METHODS, include_in_schema=False)
    async def startup() -> JSONResponse:
        """503 until everything has been loaded once, and 200 ever after."""
        return JSONResponse({"started": runtime.started}, status_code=200 if runtime.started else 503)

    return router
