"""The earlier turns of a chat, as a request takes them along."""

import json
from typing import Any

from agent.schemas import MAX_HISTORY, MAX_QUESTION_CHARS, Answer

# Half of what a server reads by default (MAX_BODY_BYTES).
_MOST_BYTES = 32_000


class Conversation:
    """What was asked and answered; of a long one the newest messages, as many as a request may hold.

    The service keeps none.
    """

    def __init__(self) -> None:
        self._messages: list[dict[str, str]] = []
        self.last: Answer | None = None

    def fields(self) -> dict[str, Any]:
        """Of a request."""
        return {"history": list(self._messages)} if self._messages else {}

    def add(self, question: str, answer: Answer) -> None:
        """Remember a question that was answered, or at least came to its end."""
        self.last = answer
        said = (("user", question), ("assistant", answer.answer))
        # A message can be cut; a request with one that is too long would be refused.
        self._messages += [{"role": role, "content": text[:MAX_QUESTION_CHARS]} for role, text in said if text.strip()]
        del self._messages[:-MAX_HISTORY]
        while len(json.dumps(self._messages, ensure_ascii=False).encode()) > _MOST_BYTES:
            del self._messages[0]

    def forget(self) -> None:
        """Begin anew."""
        self._messages.clear()
        self.last = None
