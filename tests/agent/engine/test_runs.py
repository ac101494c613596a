"""Which numbers are free, as runs."""

from hypothesis import given
from hypothesis import strategies as st

from agent.engine.runs import FreeRuns

COUNT = 20


@given(st.lists(st.tuples(st.integers(0, COUNT), st.integers(0, COUNT - 1)), max_size=40))
def test_runs_are_as_long_as_neighbours_are_free(steps: list[tuple[int, int]]) -> None:
    """However they are taken and given back."""
    runs, free = FreeRuns(COUNT), set(range(COUNT))
    for wanted, back in steps:
        if back not in free:
            free.add(back)
            length, (start, end) = runs.add(back), (back, back + 1)
            while start - 1 in free:
                start -= 1
            while end in free:
                end += 1
            assert end - start == length
        elif free:
            start, length = runs.best(wanted)
            assert runs.starts(start)
            assert start - 1 not in free
            assert set(range(start, start + length)) <= free
            assert start + length not in free
            lengths = [len(run) for run in "".join("+" if n in free else " " for n in range(COUNT)).split()]
            assert length == min((one for one in lengths if one >= wanted), default=max(lengths))
            taken = runs.take(start, wanted)
            assert taken == range(start, start + min(wanted, length))
            free -= set(taken)
        assert len(free) == runs.count
