"""One answer for one key."""

import asyncio
from collections.abc import Callable

import pytest

from agent.errors import GenerationFailed, IdempotencyConflict
from agent.idempotency import Idempotency
from agent.schemas import Answer, AskRequest, Timings, Usage

QUESTION = AskRequest(question="Which port?")
Asked = asyncio.Task[tuple[Answer, bool]]


def answer(text: str) -> Answer:
    return Answer(
        answer=text, blocks=[], abstained=False, reason=None, nearest=[], citations=[], grounded=False, confidence=1,
        language="en", route="question", model="m", adapter=None, index=None, usage=Usage(), timings=Timings(),
        cold_start=False, request_id="r", trace=[],
    )  # fmt: skip


class Work:
    """Answers with how often it was begun, when it is told to; or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = self.cancelled = 0
        self.may_end = asyncio.Event()
        self._error = error

    async def __call__(self) -> Answer:
        self.begun += 1
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self._error is not None:
            raise self._error
        return answer(str(self.begun))


async def asked(idempotency: Idempotency, work: Work, count: int, key: str | None = "k") -> list[Asked]:
    tasks = [asyncio.create_task(idempotency.answer(key, QUESTION, work)) for _ in range(count)]
    await asyncio.sleep(0.01)
    return tasks


async def test_who_asks_while_it_is_answered_gets_the_same_answer() -> None:
    """And who asks afterwards; only the first one's is no replay."""
    idempotency, work = Idempotency(8, 60), Work()
    tasks = await asked(idempotency, work, 100)
    work.may_end.set()
    found = await asyncio.gather(*tasks)
    found.append(await idempotency.answer("k", QUESTION, work))
    assert {"1"} == {answer.answer for answer, _ in found}
    assert [False, *[True] * 100] == [replayed for _, replayed in found]
    assert 1 == work.begun


async def test_without_a_key_everything_is_answered_anew() -> None:
    """There is nothing to know it by."""
    work = Work()
    tasks = await asked(Idempotency(8, 60), work, 3, None)
    work.may_end.set()
    await asyncio.gather(*tasks)
    assert 3 == work.begun


async def test_another_question_under_the_same_key_is_refused() -> None:
    """While the first runs and afterwards; how it is sent and how long one waits may differ."""
    idempotency, work = Idempotency(8, 60), Work()
    tasks = await asked(idempotency, work, 1)
    for other in (AskRequest(question="Which key?"), AskRequest(question="Which port?", adapter=None)):
        with pytest.raises(IdempotencyConflict):
            await idempotency.answer("k", other, work)
    work.may_end.set()
    await asyncio.gather(*tasks)
    same = AskRequest(question="Which port?", stream=True, timeout_s=3)
    again, replayed = await idempotency.answer("k", same, work)
    assert ("1", True) == (again.answer, replayed)
    with pytest.raises(IdempotencyConflict):
        await idempotency.answer("k", AskRequest(question="Which key?"), work)


async def test_who_leaves_does_not_stop_the_others_and_the_last_one_stops_the_work() -> None:
    """Before the last one has left it is stopped, so that its place is free."""
    idempotency, work = Idempotency(8, 60), Work()
    tasks = await asked(idempotency, work, 3)
    for left, task in enumerate(tasks):
        assert 0 == work.cancelled
        task.cancel()
        await asyncio.wait({task})
        assert int(left == 2) == work.cancelled
    (task,) = await asked(idempotency, work, 1)
    work.may_end.set()
    assert "2" == (await task)[0].answer


async def test_an_error_reaches_everybody_and_is_not_kept() -> None:
    """Asking again may help."""
    idempotency, work = Idempotency(8, 60), Work(GenerationFailed())
    tasks = await asked(idempotency, work, 3)
    work.may_end.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [GenerationFailed] * 3 == [type(result) for result in results]
    with pytest.raises(GenerationFailed):
        await idempotency.answer("k", QUESTION, work)
    assert 2 == work.begun


@pytest.mark.parametrize(
    ("kept", "later_s", "others", "again"), [(2, 9, 1, False), (2, 9, 2, True), (2, 10, 0, True), (0, 0, 0, True)]
)
async def test_answers_are_kept_for_a_while_and_not_all_of_them(
    kept: int, later_s: float, others: int, again: bool
) -> None:
    """As many, and as long, as is said."""
    now = [0.0]
    clock: Callable[[], float] = lambda: now[0]  # noqa: E731
    idempotency, work = Idempotency(kept, 10, clock), Work()
    work.may_end.set()
    for key in ("k", *map(str, range(others))):
        await idempotency.answer(key, QUESTION, work)
    now[0] += later_s
    begun = work.begun
    await idempotency.answer("k", QUESTION, work)
    assert begun + again == work.begun
