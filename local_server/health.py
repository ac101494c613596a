"""GET /health, /health/live, /health/ready."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from agent.runtime import Runtime


def health_router(runtime: Runtime) -> APIRouter:
    """Three answers to three questions: what is going on, is the process alive, would a question be answered."""
    router = APIRouter(prefix="/health", tags=["health"])

    @router.head("", include_in_schema=False)
    @router.get("", summary="State, versions, what is loaded, phase times")
    async def health() -> JSONResponse:
        """200 when ready, else 503 with the same body."""
        return JSONResponse(runtime.health(), status_code=200 if runtime.ready else 503)

    @router.head("/live", include_in_schema=False)
    @router.get("/live", summary="The process answers")
    async def live() -> JSONResponse:
        """Always 200: a process that still loads, or could not load, is alive."""
        return JSONResponse({"live": True})

    @router.head("/ready", include_in_schema=False)
    @router.get("/ready", summary="A question would be answered")
    async def ready() -> JSONResponse:
        """200 when model, adapters and index are loaded and warm, else 503."""
        return JSONResponse({"ready": runtime.ready}, status_code=200 if runtime.ready else 503)

    return router
