"""Who is let in: decided before any model works, from the size of the question and what is being answered already."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from agent.answering.budgets import UsualTokens
from agent.errors import Overloaded
from agent.schemas import AskRequest

# Characters of a token, at the least: an estimate that is made before anything is tokenised.
_CHARS_PER_TOKEN = 3
# The question and the rules around it.
_USUAL_QUESTION = 256


class Admission:
    """A bounded number of places. A question takes as many as its tokens are usual questions, at least one.

    Args:
        places: for usual questions, those that are answered at once and those that may wait.
        tokens: how many tokens of sources and of answer a usual question has.
    """

    def __init__(self, places: int, tokens: UsualTokens) -> None:
        self._places = places
        self._tokens = tokens
        self._usual = tokens.context + tokens.answer + _USUAL_QUESTION
        self._taken = 0
        self.running = 0

    @property
    def full(self) -> bool:
        """Whether a question of the usual size would be refused."""
        return self._taken >= self._places

    def places(self) -> dict[str, float]:
        """How many are taken, and how many there are."""
        return {"taken": self._taken, "all": self._places}

    def places_for(self, request: AskRequest) -> int:
        """How many places a question takes: by its length, its history's and its answer's; at most all there are."""
        chars = len(request.question) + sum(len(message.content) for message in request.history)
        answer = request.max_tokens or self._tokens.answer
        tokens = chars // _CHARS_PER_TOKEN + self._tokens.context + answer
        return min(self._places, max(1, math.ceil(tokens / self._usual)))

    @contextmanager
    def place(self, request: AskRequest) -> Iterator[None]:
        """Around one question.

        Raises:
            Overloaded: there is no place for it now.
        """
        places = self.places_for(request)
        if self._taken + places > self._places:
            raise Overloaded(detail=f"{self._taken} of {self._places} places taken, {places} wanted")
        self._taken += places
        self.running += 1
        try:
            yield
        finally:
            self._taken -= places
            self.running -= 1
