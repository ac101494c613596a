"""Guesses the next tokens from what stands in the prompt: an answer from documents copies much of them.

Prompt lookup (Saxena 2023): where the last tokens have occurred before, what followed there is the guess. The model
checks a guess in the pass that it makes anyway, so a wrong one costs a few rows and changes nothing.
"""

from collections.abc import Sequence

# The last so many tokens, a pair, must have occurred before.
_SUFFIX = 2
# Of the last places where they have, the one where most of what is before them is alike too.
_COMPARED = 8
_PLACES = 16
MOST = 8
# Where guesses have not been worth it, so many are tried again after so many tokens.
_TRIED = 2
_TRY_AGAIN = 12
_MEMORY = 0.7


class Drafter:
    """Guesses for one sequence."""

    def __init__(self) -> None:
        # Chains as in LZ77: the latest place behind each pair of tokens, and before each place the last one behind the
        # same pair. Numbers only, so that a long prompt gives the garbage collector nothing to look at.
        self._latest: dict[int, int] = {}
        self._before: list[int] = [-1] * _SUFFIX
        self._share = 1.0
        self._silent = 0

    def draft(self, tokens: Sequence[int], most: int, worth: float) -> list[int]:
        """The tokens that may follow, at most `most`; none where nothing has occurred before, or where guesses are
        right more seldom than is worth it.
        """
        self._read(tokens)
        if self._share < worth:
            self._silent += 1
            if self._silent < _TRY_AGAIN:
                return []
            self._silent, self._share, most = 0, worth, min(most, _TRIED)
        place = self._best(tokens)
        if place is None:
            return []
        return list(tokens[place : place + min(most, max(_TRIED, round(MOST * self._share)))])

    def learn(self, drafted: int, right: int) -> None:
        """How many of the guesses were right."""
        if drafted:
            self._share = _MEMORY * self._share + (1 - _MEMORY) * right / drafted

    def _read(self, tokens: Sequence[int]) -> None:
        """Remember what follows each pair of tokens; that behind the last pair is not known yet."""
        latest, before = self._latest, self._before
        for place in range(len(before), len(tokens)):
            pair = _pair(tokens, place)
            before.append(latest.get(pair, -1))
            latest[pair] = place

    def _best(self, tokens: Sequence[int]) -> int | None:
        """Where what is like the last tokens is followed by something; of equals the latest."""
        places = self._like_the_end(tokens)
        return max(places, key=lambda place: (self._alike(tokens, place), place), default=None)

    def _like_the_end(self, tokens: Sequence[int]) -> list[int]:
        """The latest places whose pair is the last one."""
        places: list[int] = []
        place = self._latest.get(_pair(tokens, len(tokens)), -1) if len(tokens) >= _SUFFIX else -1
        while place >= 0 and len(places) < _PLACES:
            places.append(place)
            place = self._before[place]
        return places

    def _alike(self, tokens: Sequence[int], place: int) -> int:
        length = _SUFFIX
        while length < min(_COMPARED, place) and tokens[place - 1 - length] == tokens[len(tokens) - 1 - length]:
            length += 1
        return length


def _pair(tokens: Sequence[int], place: int) -> int:
    """The two tokens before a place, as one number."""
    return tokens[place - 2] << 32 | tokens[place - 1]
