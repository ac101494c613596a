"""BASE_MODEL=none: what takes the language model's place."""

import pytest

from agent.engine.base import Sampling
from agent.engine.no_engine import NoEngine
from agent.errors import NoLanguageModel


async def test_it_generates_nothing() -> None:
    """Whoever asks it to is told which field to change; it counts words and knows no tokens."""
    engine = NoEngine()
    with pytest.raises(NoLanguageModel) as caught:
        await anext(engine.generate([1], Sampling(max_tokens=1), None))
    assert ("mode", 422, False) == (caught.value.param, caught.value.status, caught.value.retryable)
    assert ([], [], 2) == (
        engine.encode_chat([{"role": "user", "content": "x"}]),
        engine.encode("x"),
        engine.count_tokens("a b"),
    )
    assert 0 == engine.stats().running


def test_it_is_healthy_until_it_is_closed() -> None:
    """As any engine."""
    engine = NoEngine()
    before = engine.healthy()
    engine.close()
    assert (True, False) == (before, engine.healthy())
