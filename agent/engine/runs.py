"""Numbers that are free, kept as runs of neighbours."""


class FreeRuns:
    """At first all of `count` numbers, in one run; how many there are is in `count`."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._end_of = {0: count} if count else {}
        self._start_of = {count: 0} if count else {}

    def starts(self, number: int) -> bool:
        """Whether a run begins there."""
        return number in self._end_of

    def add(self, number: int) -> int:
        """Free a number; the length of the run that it is in now."""
        start = self._start_of.pop(number, number)
        end = self._end_of.pop(number + 1, number + 1)
        self._end_of[start], self._start_of[end] = end, start
        self.count += 1
        return end - start

    def take(self, start: int, most: int) -> range:
        """The first numbers of the run that begins at `start`, at most so many."""
        end = self._end_of.pop(start)
        split = min(end, start + most)
        del self._start_of[end]
        if split < end:
            self._end_of[split], self._start_of[end] = end, split
        self.count -= split - start
        return range(start, split)

    def best(self, wanted: int) -> tuple[int, int]:
        """Where the shortest run begins that holds `wanted`, or else the longest, and how long it is; there must be
        one.
        """
        runs = [(end - start, start) for start, end in self._end_of.items()]
        length, start = min((run for run in runs if run[0] >= wanted), default=None) or max(runs)
        return start, length
