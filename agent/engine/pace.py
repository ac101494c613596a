"""How long steps take, and from that whether a guess is worth its row."""

import numpy as np

# Steps whose duration still counts: half of it after so many.
_HALF_LIFE = 40
# Before guesses have been seen in so many of these steps, what a row takes is not known.
_FEWEST = 4.0
_UNKNOWN = 0.3
_LEAST, _MOST = 0.05, 0.95
# Something else happened in a step that took so many times as long as it should.
_STRANGE = 5.0


class Pace:
    """Learns from steps in which all sequences generate: seconds = start + sequence * sequences + guess * guesses.

    Least squares, in which older steps count less. A guess takes a row of the step, but reads no sequence of its own.
    """

    def __init__(self) -> None:
        self._squares = np.zeros((3, 3))
        self._products = np.zeros(3)
        self._with_guesses = 0.0
        self._strange = 0
        self._known: np.ndarray = np.zeros(3)

    def learn(self, sequences: int, guesses: int, seconds: float) -> None:
        """A step of so many sequences with so many guesses in all has taken so long."""
        step = np.array([1.0, sequences, guesses])
        expected = float(self._known @ step)
        strange = self._squares[0, 0] > _FEWEST and seconds > _STRANGE * expected > 0
        self._strange = self._strange + 1 if strange else 0
        # What is always strange is how it is now.
        if 0 < self._strange <= _FEWEST:
            return
        kept = 0.5 ** (1 / _HALF_LIFE)
        self._squares = kept * self._squares + np.outer(step, step)
        self._products = kept * self._products + seconds * step
        self._with_guesses = kept * self._with_guesses + (guesses > 0)
        # The little on the diagonal decides where steps say nothing: while all have the same number of sequences.
        self._known = np.linalg.solve(self._squares + np.diag(1e-6 * self._squares.diagonal() + 1e-9), self._products)

    def worth(self, sequences: int) -> float:
        """How often a guess must be right to pay, in a step of so many sequences.

        Without guesses such a step makes a token in each `seconds / sequences`; a right guess makes one too, and every
        guess takes its row's time.
        """
        if self._with_guesses < _FEWEST:
            return _UNKNOWN
        start, sequence, guess = map(float, self._known)
        seconds = start + sequence * sequences
        if seconds <= 0:
            return _UNKNOWN
        return min(_MOST, max(_LEAST, guess * sequences / seconds))
