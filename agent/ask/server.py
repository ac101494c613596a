"""Asks an Askpod server over HTTP: POST /v1/ask, as server-sent events."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from agent.ask.address import Address
from agent.ask.asker import Note
from agent.ask.event import event_of, json_of, sent_events, strange
from agent.ask.failure import Failure
from agent.ask.http import client_of, reaching, refusal
from agent.schemas import AskEvent, AskRequest


class ServerAsker:
    """A server, with a key or without."""

    def __init__(self, address: Address, key: str | None) -> None:
        self._address = address
        self._http = client_of(address, {"Accept": "text/event-stream"} | ({"X-API-KEY": key} if key else {}))

    async def ask(self, request: AskRequest, request_id: str, note: Note) -> AsyncGenerator[AskEvent, None]:
        """As `Asker.ask`."""
        note(f"Asking {self._address.url} ...")
        body = request.model_dump(mode="json", exclude_unset=True) | {"stream": True}
        url, headers = f"{self._address.url}/v1/ask", {"X-Request-ID": request_id}
        with reaching(self._address, request_id):
            async with self._http.stream("POST", url, json=body, headers=headers) as response:
                if not response.is_success:
                    raise await refusal(response, request_id)
                if not response.headers.get("content-type", "").startswith("text/event-stream"):
                    raise strange(request_id)
                async with aclosing(sent_events(response.aiter_bytes(), request_id)) as events:
                    async for name, data in events:
                        value = json_of(data, request_id)
                        if name == "error":
                            raise Failure(value) if isinstance(value, dict) else strange(request_id)
                        if name != "done" and (event := event_of(value, request_id)) is not None:
                            yield event

    async def close(self) -> None:
        """As `Asker.close`."""
        await self._http.aclose()
