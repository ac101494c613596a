"""What workers call: job-take, job-take-batch, job-stop, job-done, job-stream, ping (runpod 1.12.0: rp_job, rp_http,
rp_ping).
"""

import asyncio
import functools
import json
import math
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from agent.errors import PayloadTooLarge
from agent.telemetry.logs import get_logger
from local_server.disconnect import until_disconnect
from local_server.limits import nests_too_deeply, read_body
from local_server.platform.endpoint import Endpoint
from local_server.platform.errors import BadRequest, Unknown
from local_server.platform.faults import Faults
from local_server.platform.outcome import Outcome
from local_server.platform.replies import reply
from local_server.platform.settings import LONG_POLL_S

_PAUSE_S = 1.0
_MOST_BATCH = 256
_MOST_DIGITS = 9


def worker_router(endpoint: Endpoint, faults: Faults) -> APIRouter:
    """The routes of one endpoint's workers, and what is to go wrong there."""
    queue, workers, settings = endpoint.queue, endpoint.workers, endpoint.settings
    router = APIRouter(
        prefix="/v2/{endpoint_id}", include_in_schema=False, route_class=_faulty(faults, settings.max_runsync_bytes)
    )  # fmt: skip

    async def take(request: Request, rest: str, most: int) -> list[dict[str, Any]]:
        _known(request, endpoint)
        worker, first = workers.asked(_worker(rest))
        if first:
            get_logger().info("worker.ready", worker=worker.id, cold_start_s=round(worker.heard - worker.started, 1))
        if queue.goes(worker.id):
            await pause(request)
            return []
        jobs = await until_disconnect(queue.take(worker.id, most, LONG_POLL_S), request.receive, queue.give_back)
        return [job.handed_out() for job in jobs]

    async def pause(request: Request) -> None:
        """Before a worker that goes hears that there is nothing: it asks again at once, until it has gone."""
        await until_disconnect(asyncio.sleep(_PAUSE_S), request.receive)

    @router.get("/job-take/{rest:path}")
    async def job_take(request: Request, rest: str) -> Response:
        jobs = await take(request, rest, 1)
        return reply(jobs[0]) if jobs else Response(status_code=204)

    @router.get("/job-take-batch/{rest:path}")
    async def job_take_batch(request: Request, rest: str) -> Response:
        size = _parameters(request, rest).get("batch_size", "1")
        if not size.isascii() or not size.isdecimal() or len(size) > _MOST_DIGITS or not 1 <= int(size) <= _MOST_BATCH:
            raise BadRequest(f"'batch_size' must be 1 to {_MOST_BATCH}.")
        jobs = await take(request, rest, int(size))
        return reply(jobs) if jobs else Response(status_code=204)

    @router.get("/job-stop/{rest:path}")
    async def job_stop(request: Request, rest: str) -> Response:
        _known(request, endpoint)
        worker = workers.heard(_worker(rest))
        stops: list[str] = []
        if worker is not None:
            goes = queue.goes(worker.id)
            stops = await until_disconnect(
                queue.stops(worker.id, LONG_POLL_S), request.receive, functools.partial(queue.stopping.add, worker.id)
            )
            if goes and not stops:
                await pause(request)
        return reply({"jobsToStop": stops}) if stops else Response(status_code=204)

    @router.post("/job-done/{worker_id}/{rest:path}")
    async def job_done(request: Request, worker_id: str, rest: str) -> Response:
        _known(request, endpoint)
        workers.heard(worker_id)
        job_id = _worker(rest)
        try:
            outcome = Outcome.of(_decoded(await read_body(request, settings.max_runsync_bytes)))
        except PayloadTooLarge:
            # The SDK retries nothing but 5xx.
            queue.done(job_id, worker_id, Outcome.too_large(settings.max_runsync_bytes))
            raise
        queue.done(job_id, worker_id, outcome)
        if outcome.stop_worker and (worker := workers.find(worker_id)):
            worker.leaving = True
            queue.hang_up(worker_id)
        return reply({})

    @router.post("/job-stream/{worker_id}/{rest:path}")
    async def job_stream(request: Request, worker_id: str, rest: str) -> Response:
        _known(request, endpoint)
        workers.heard(worker_id)
        queue.chunk(_worker(rest), worker_id, _decoded(await read_body(request, settings.max_chunk_bytes)))
        return reply({})

    @router.get("/ping/{rest:path}")
    async def ping(request: Request, rest: str) -> Response:
        _known(request, endpoint)
        worker, said = workers.heard(_worker(rest)), _parameters(request, rest)
        if said.get("status") == "unhealthy" and worker is not None and not worker.unhealthy:
            worker.unhealthy = True
            get_logger().warning(
                "worker.unhealthy", worker=worker.id, check=said.get("check"), reason=said.get("reason")
            )
        return reply({})

    return router


def _faulty(faults: Faults, max_bytes: int) -> type[APIRoute]:
    """Routes that meet the faults that are planned for them."""

    class Faulty(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            rightly = super().get_route_handler()
            name = self.path_format.split("/")[3].replace("job-take-batch", "job-take")

            async def handler(request: Request) -> Response:
                if (fault := faults.next(name)) is None:
                    return await rightly(request)
                if fault.answer == "slow":
                    await asyncio.sleep(fault.delay_s)
                    return await rightly(request)
                # What the platform loses, it has taken.
                await read_body(request, max_bytes)
                return fault.response() or reply({})

            return handler

    return Faulty


def _known(request: Request, endpoint: Endpoint) -> None:
    if request.path_params["endpoint_id"] != endpoint.settings.endpoint_id:
        raise Unknown("There is no endpoint of this id.")


def _worker(rest: str) -> str:
    """The first part of the path; the SDK glues parameters to it where its URL has no `?`."""
    return rest.split("&")[0]


def _parameters(request: Request, rest: str) -> dict[str, str]:
    """Of the query, and of what is glued to the path."""
    return dict(parse_qsl(rest.partition("&")[2])) | dict(request.query_params)


def _finite(number: str) -> float | None:
    value = float(number)
    return value if math.isfinite(value) else None


def _decoded(body: bytes) -> dict[str, Any]:
    """A JSON object; the SDK declares a form, but sends JSON.

    Raises:
        BadRequest: it is none.
    """
    try:
        # NaN and Infinity are no JSON, though Python's encoder writes them; a result is not lost for them.
        content = json.loads(body, parse_constant=lambda _name: None, parse_float=_finite)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or nests_too_deeply(content):
        raise BadRequest("The body must be one JSON object, and not nested too deeply.")
    return content
