"""Asks a serverless endpoint: a job, its pieces while it runs where the worker streams, its output at the end."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

import httpx

from agent.ask.address import Address
from agent.ask.asker import Note
from agent.ask.event import event_of, events_of_answer, json_of, strange
from agent.ask.failure import BAD_INPUT, Failure
from agent.ask.http import client_of, reaching, refusal
from agent.errors import InternalError
from agent.schemas import AskEvent, AskRequest, FinalEvent

_ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT")
_WAITING = {"IN_QUEUE": "Waiting for a worker ...", "IN_PROGRESS": "A worker answers ..."}
# The platform holds a request for a piece for a while; where it does not, it is not asked more often than this.
_PAUSE_S = 0.5
# A cold start takes many requests; one that is lost on the way does not end the question.
_ATTEMPTS = 4
_CANCEL_S = 5.0


class EndpointAsker:
    """An endpoint, with its platform's key."""

    def __init__(self, address: Address, key: str | None) -> None:
        self._address = address
        self._http = client_of(address, {"Authorization": f"Bearer {key}"} if key else {})

    async def ask(self, request: AskRequest, request_id: str, note: Note) -> AsyncGenerator[AskEvent, None]:
        """As `Asker.ask`; closing the iterator cancels the job."""
        note(f"Asking {self._address.url} ...")
        body = {"input": request.model_dump(mode="json", exclude_unset=True)}
        job = await self._call("POST", "/run", request_id, json=body)
        if not isinstance(job.get("id"), str):
            raise strange(request_id)
        ended = False
        try:
            async with aclosing(self._pieces(job["id"], note)) as pieces:
                async for event in pieces:
                    # Behind it the job only ends.
                    ended = isinstance(event, FinalEvent)
                    yield event
            if ended:
                return
            ended = True
            for event in _result(await self._look(f"/status/{job['id']}", job["id"]), job["id"]):
                yield event
        finally:
            if not ended:
                await self._cancel(job["id"])

    async def _pieces(self, job_id: str, note: Note) -> AsyncGenerator[AskEvent, None]:
        """What the worker says until the job has ended; nothing of a worker that does not stream."""
        state = ""
        while state not in _ENDED:
            began = time.monotonic()
            part = await self._look(f"/stream/{job_id}", job_id)
            state, pieces = str(part.get("status")), part.get("stream") or []
            if not isinstance(pieces, list):
                raise strange(job_id)
            note(_WAITING.get(state, state))
            for piece in pieces:
                output = piece.get("output") if isinstance(piece, dict) else None
                # A failed job's last piece is its error, which its status tells as well.
                if isinstance(output, dict) and "type" in output and (event := event_of(output, job_id)) is not None:
                    yield event
            if not pieces and state not in _ENDED:
                await asyncio.sleep(max(0.0, _PAUSE_S - (time.monotonic() - began)))

    async def _look(self, path: str, job_id: str) -> dict[str, Any]:
        """A GET, tried again when it is lost on the way or the platform is busy."""
        for attempt in range(1, _ATTEMPTS):
            try:
                return await self._call("GET", path, job_id)
            except Failure as error:
                if error.exit_status == BAD_INPUT:
                    raise
            await asyncio.sleep(_PAUSE_S * 2**attempt)
        return await self._call("GET", path, job_id)

    async def _call(self, method: str, path: str, request_id: str, **body: Any) -> dict[str, Any]:  # noqa: ANN401
        with reaching(self._address, request_id):
            response = await self._http.request(method, f"{self._address.url}{path}", **body)
            if not response.is_success:
                raise await refusal(response, request_id)
        value = json_of(response.content, request_id)
        if not isinstance(value, dict):
            raise strange(request_id)
        return value

    async def _cancel(self, job_id: str) -> None:
        with suppress(httpx.HTTPError):
            await self._http.post(f"{self._address.url}/cancel/{job_id}", timeout=_CANCEL_S)

    async def close(self) -> None:
        """As `Asker.close`."""
        await self._http.aclose()


def _result(job: dict[str, Any], job_id: str) -> list[AskEvent]:
    """The events that close a job that has ended.

    Raises:
        Failure: it has no answer.
    """
    if job.get("status") != "COMPLETED":
        raise _failure(job, job_id)
    output = job.get("output")
    if isinstance(output, list):
        # Of a worker that streams, whose last pieces somebody else has read.
        events = [event_of(piece, job_id) for piece in output if isinstance(piece, dict) and "type" in piece]
        return [event for event in events if isinstance(event, FinalEvent)]
    return events_of_answer(output, job_id)


def _failure(job: dict[str, Any], job_id: str) -> Failure:
    """Why: the problem that our handler puts there, or what the platform says."""
    error = job.get("error")
    if isinstance(error, str):
        with suppress(Failure):
            problem = json_of(error, job_id)
            if isinstance(problem, dict) and "code" in problem:
                return Failure(problem)
    return Failure.of(InternalError(f"The job is {job.get('status')}."), job_id)
