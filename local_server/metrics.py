"""GET /metrics: what an operator counts, for a key with the scope `admin`."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from agent.telemetry.metrics import exposition
from local_server.answering import Answering

PATH = "/metrics"


def metrics_router(runtime: Answering) -> APIRouter:
    """The route; who may read it is decided at the edge."""
    router = APIRouter(tags=["health"])

    @router.get(PATH, summary="Prometheus metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(exposition(runtime.gauges), media_type=CONTENT_TYPE_LATEST)

    return router
