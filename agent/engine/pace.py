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
        # Of (1, sequences, guesses, seconds): sums of the products of each with each.
        self._sums = np.zeros((4, 4))
        self._with_guesses = 0.0
        self._strange = 0
        self._known: np.ndarray = np.zeros(3)

    def learn(self, sequences: int, guesses: int, seconds: float) -> None:
        """A step of so many sequences with so many guesses in all has taken so long."""
        step = np.array([1.0, sequences, guesses, seconds])
        if self._is_strange(step):
            return
        kept = 0.5 ** (1 / _HALF_LIFE)
        self._sums = kept * self._sums + step[:, None] * step
        self._with_guesses = kept * self._with_guesses + (guesses > 0)
        # Nobody asks before guesses have been seen; a step of a small model on a GPU is too short to learn for nothing.
        if self._with_guesses >= _FEWEST:
            squares, products = self._sums[:3, :3], self._sums[:3, 3]
            # The little on the diagonal decides where steps say nothing: while all have the same number of sequences.
            self._known = np.linalg.solve(squares + np.diag(1e-6 * squares.diagonal() + 1e-9), products)

    def _is_strange(self, step: np.ndarray) -> bool:
        """Whether something else happened in this step; but what is always strange is how it is now."""
        expected = float(self._known @ step[:3])
        strange = step[3] > _STRANGE * expected > 0
        self._strange = self._strange + 1 if strange else 0
        return 0 < self._strange <= _FEWEST

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
