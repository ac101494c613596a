"""What clients of the platform call: /v2/ID/run, runsync, status, stream, cancel, ..."""

from collections.abc import AsyncGenerator
from contextlib import ExitStack
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from agent.chat import CHAT, failure_event, failure_of
from agent.errors import AskError, GenerationFailed, InternalError, Unavailable
from local_server.disconnect import until_disconnect
from local_server.events import HEARTBEAT_S, EventStream
from local_server.limits import read_body, read_json
from local_server.platform.endpoint import Endpoint
from local_server.platform.errors import BadRequest, Unknown
from local_server.platform.job import Job, State
from local_server.platform.outcome import NOTHING
from local_server.platform.policy import Policy
from local_server.platform.queue import STOPPED, JobQueue
from local_server.platform.replies import encoded, reply

# Seconds: least, most, and where the client does not say; as the platform documents `wait`.
_LEAST_WAIT_S, _MOST_WAIT_S, _WAIT_S = 1.0, 300.0, 90.0
# The Python SDK gives up a request after 10 s, and its JavaScript sister asks again at once.
_STREAM_WAIT_S = 2.0
_MOST_DIGITS = 9
# Of a body that nobody wants.
_MOST_UNREAD_BYTES = 65_536
# The Go SDK posts where the others get.
_BOTH = ["GET", "POST"]


def client_router(endpoint: Endpoint) -> APIRouter:
    """The routes of one endpoint."""
    router = APIRouter(prefix="/v2/{endpoint_id}", tags=["serverless platform"], include_in_schema=False)
    queue, rates, settings = endpoint.queue, endpoint.rates, endpoint.settings

    async def submit(request: Request, max_bytes: int, *, sync: bool) -> Job:
        _known(request, endpoint)
        body = await read_json(request, max_bytes, any_type=True)
        if not isinstance(body, dict) or "input" not in body:
            raise BadRequest("The body must be a JSON object with an 'input'.")
        if not isinstance(body["input"], dict):
            raise BadRequest("'input' must be a JSON object.")
        policy = Policy.of(body, settings.execution_timeout_s)
        if body.get("webhook") is not None:
            endpoint.webhooks.check(body["webhook"])
        return queue.submit(body, policy, sync=sync)

    def find(request: Request, job_id: str) -> Job:
        _known(request, endpoint)
        return queue.find(job_id)

    @router.post("/run")
    async def run(request: Request) -> Response:
        with rates.counted("run"):
            job = await submit(request, settings.max_run_bytes, sync=False)
            return reply({"id": job.id, "status": State.IN_QUEUE.value})

    @router.post("/runsync")
    async def runsync(request: Request) -> Response:
        with rates.counted("runsync"):
            wait_s = _wait(request, _LEAST_WAIT_S, _WAIT_S)
            job = await submit(request, settings.max_runsync_bytes, sync=True)
            return reply((await until_disconnect(job.wait(wait_s), request.receive)).view())

    @router.api_route("/status/{job_id}", methods=_BOTH)
    async def status(request: Request, job_id: str) -> Response:
        with rates.counted("status"):
            return reply(find(request, job_id).view())

    @router.api_route("/status-sync/{job_id}", methods=_BOTH)
    async def status_sync(request: Request, job_id: str) -> Response:
        with rates.counted("status"):
            job, wait_s = find(request, job_id), _wait(request, _LEAST_WAIT_S, _WAIT_S)
            await read_body(request, _MOST_UNREAD_BYTES)
            return reply((await until_disconnect(job.wait(wait_s), request.receive)).view())

    @router.api_route("/stream/{job_id}", methods=_BOTH)
    async def stream(request: Request, job_id: str) -> Response:
        with rates.counted("stream"):
            job, wait_s = find(request, job_id), _wait(request, 0.0, _STREAM_WAIT_S)
            await read_body(request, _MOST_UNREAD_BYTES)
            chunks = await until_disconnect(job.fetch(wait_s), request.receive, job.put_back)
            return reply({"status": job.state.value, "stream": chunks})

    @router.post("/cancel/{job_id}")
    async def cancel(request: Request, job_id: str) -> Response:
        with rates.counted("cancel"):
            find(request, job_id)
            job = queue.cancel(job_id)
            return reply({"id": job.id, "status": job.state.value})

    @router.post("/retry/{job_id}")
    async def retry(request: Request, job_id: str) -> Response:
        with rates.counted("run"):
            find(request, job_id)
            job = queue.retry(job_id)
            return reply({"id": job.id, "status": job.state.value})

    @router.post("/purge-queue")
    async def purge_queue(request: Request) -> Response:
        with rates.counted("purge-queue"):
            _known(request, endpoint)
            return reply({"removed": queue.purge(), "status": "completed"})

    @router.api_route("/openai/v1/{route:path}", methods=_BOTH)
    async def openai(request: Request, route: str) -> Response:
        with ExitStack() as counted:
            counted.enter_context(rates.counted("openai"))
            _known(request, endpoint)
            body = (
                await read_json(request, settings.max_runsync_bytes, any_type=True) if request.method == "POST" else {}
            )
            job_input = {"openai_route": f"/v1/{route}", "openai_input": body}
            job = queue.submit({"input": job_input}, Policy(settings.execution_timeout_s), sync=True)
            if job_input["openai_route"] == CHAT and isinstance(body, dict) and body.get("stream") is True:
                counted.callback(queue.leave, job)
                return EventStream(_streamed(job), _end, HEARTBEAT_S, counted.pop_all().close)
            ended = await until_disconnect(_result(queue, job), request.receive)
            return Response(_openai_body(ended), media_type="application/json")

    @router.get("/health")
    async def health(request: Request) -> Response:
        _known(request, endpoint)
        return reply(endpoint.health())

    @router.get("/requests")
    async def requests(request: Request) -> Response:
        with rates.counted("requests"):
            _known(request, endpoint)
            return reply({"requests": [_summary(job) for job in queue.jobs()]})

    return router


async def _result(queue: JobQueue, job: Job) -> Job:
    """The job, when it has ended; whoever does not wait for that cancels it."""
    try:
        return await job.wait(None)
    finally:
        queue.leave(job)


async def _streamed(job: Job) -> AsyncGenerator[bytes, None]:
    """What the worker said, one piece behind the other; all of it at the end where the worker does not stream."""
    said, delivery = False, 0
    while not (job.has_ended and not job.chunks):
        for chunk in await job.fetch(_MOST_WAIT_S):
            if said and job.taken != delivery:
                # Its worker was lost and another one begins anew; what was said cannot be taken back.
                yield failure_event(GenerationFailed()).encode()
                return
            said, delivery = True, job.taken
            yield _text(chunk.get("output"))
    if not said or job.error is not None:
        yield _text(job.output if isinstance(job.output, str) else failure_event(_failure(job)))


def _openai_body(job: Job) -> bytes:
    """The worker's object; of a list, which a worker that streams gives, the one in it. Text is sent as it is."""
    output = job.output[0] if isinstance(job.output, list) and len(job.output) == 1 else job.output
    if job.error is not None or output is NOTHING:
        output = failure_of(_failure(job))
    return _text(output)


def _text(output: object) -> bytes:
    """Text is sent as it is, anything else as JSON; half a surrogate pair has no UTF-8."""
    return output.encode("utf-8", "replace") if isinstance(output, str) else encoded(output)


def _failure(job: Job) -> AskError:
    """Of a job that gave nothing for OpenAI's clients."""
    if job.error == STOPPED:
        return Unavailable()
    return InternalError(f"The job is {job.state.value}.", detail=job.error or "")


def _end(failure: AskError | None) -> bytes:
    return b"" if failure is None else failure_event(failure).encode()


def _known(request: Request, endpoint: Endpoint) -> None:
    if request.path_params["endpoint_id"] != endpoint.settings.endpoint_id:
        raise Unknown(f"There is no endpoint of this id; the one here is '{endpoint.settings.endpoint_id}'.")


def _wait(request: Request, least_s: float, default_s: float) -> float:
    """`wait`, in seconds.

    Raises:
        BadRequest: it is no number of milliseconds, or out of its range.
    """
    given = request.query_params.get("wait")
    if given is None:
        return default_s
    if (
        not given.isascii()
        or not given.isdecimal()
        or len(given) > _MOST_DIGITS
        or not least_s <= int(given) / 1000 <= _MOST_WAIT_S
    ):
        raise BadRequest(f"'wait' must be {least_s * 1000:.0f} to {_MOST_WAIT_S * 1000:.0f} milliseconds.")
    return int(given) / 1000


def _summary(job: Job) -> dict[str, Any]:
    """What `/requests` tells of a job; nothing of what it is about. The platform documents no schema of it."""
    return {key: value for key, value in job.view().items() if key not in ("output", "error")}
