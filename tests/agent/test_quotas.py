"""What one key may ask for."""

from contextlib import ExitStack

import pytest

from agent.errors import QuotaExceeded
from agent.quotas import Quota, Quotas


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_key_asks_so_many_questions_at_once() -> None:
    """The next one is refused until one of them has ended; another key is not affected."""
    quotas, quota = Quotas(), Quota(concurrency=2)
    with ExitStack() as running:
        for _ in range(2):
            running.enter_context(quotas.question("a", quota))
        with pytest.raises(QuotaExceeded), quotas.question("a", quota):
            pass
        with quotas.question("b", quota):
            pass
    with quotas.question("a", quota):
        pass


def test_a_question_that_fails_gives_its_place_back() -> None:
    """Five failures are not five places."""
    quotas, quota = Quotas(), Quota(concurrency=1)
    for _ in range(5):
        with pytest.raises(ValueError, match="no"), quotas.question("a", quota):
            raise ValueError("no")


def test_a_key_asks_so_many_questions_a_minute() -> None:
    """All of them at once, then one by one as the minute goes by; it is told when."""
    clock = Clock()
    quotas, quota = Quotas(clock), Quota(per_minute=6)

    def asked() -> int | None:
        try:
            with quotas.question("a", quota):
                return None
        except QuotaExceeded as error:
            return error.retry_after_s

    assert [None] * 6 + [10] == [asked() for _ in range(7)]
    clock.now += 9.5
    assert 1 == asked()
    clock.now += 0.6
    assert [None, 10] == [asked(), asked()]
    clock.now += 3600
    assert [None] * 6 + [10] == [asked() for _ in range(7)]


@pytest.mark.parametrize(("key_id", "quota"), [(None, Quota(concurrency=1)), ("a", Quota(timeout_s=1))])
def test_without_a_key_or_a_limit_there_is_no_quota(key_id: str | None, quota: Quota) -> None:
    """A job of the queue has no key."""
    quotas = Quotas()
    with ExitStack() as running:
        for _ in range(100):
            running.enter_context(quotas.question(key_id, quota))
