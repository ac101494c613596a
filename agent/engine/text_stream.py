"""The text of a generation as it grows, up to where it is to stop."""

from agent.engine.tokenizer import ChatTokenizer

_REPLACEMENT = "�"


class TextStream:
    """Turns ids into text one by one. Holds back a character whose bytes are not complete, and what may be the
    beginning of a stop text.

    Args:
        tokenizer: whose ids they are.
        stop: texts that end the generation; neither they nor what is behind them comes out.
    """

    def __init__(self, tokenizer: ChatTokenizer, stop: tuple[str, ...] = ()) -> None:
        self._tokenizer = tokenizer
        self._stop = stop
        self._ids: list[int] = []
        self._text = ""
        self._given = 0

    def add(self, token_id: int) -> tuple[str, bool]:
        """The text that this id completes, and whether a stop text has come."""
        self._ids.append(token_id)
        self._text = self._tokenizer.decode(self._ids)
        found = min((at for at in map(self._text.find, self._stop) if at >= 0), default=None)
        if found is not None:
            return self._give(max(found, self._given)), True
        if self._text.endswith(_REPLACEMENT):
            return "", False
        return self._give(len(self._text) - self._held_back()), False

    def rest(self) -> str:
        """Whatever has been held back."""
        return self._give(len(self._text))

    def _give(self, end: int) -> str:
        piece, self._given = self._text[self._given : end], max(end, self._given)
        return piece

    def _held_back(self) -> int:
        """Length of the longest end of the text that a stop text begins with."""
        longest = max((len(stop) - 1 for stop in self._stop), default=0)
        for length in range(min(longest, len(self._text) - self._given), 0, -1):
            if any(stop.startswith(self._text[-length:]) for stop in self._stop):
                return length
        return 0
