"""The same greedy generation is made once."""

import pytest

from agent.engine.base import Sampling
from agent.engine.scripted import ScriptedEngine
from agent.errors import UnknownAdapter
from training.memo import MemoEngine

PROMPT = [{"role": "user", "content": "Which port is it?"}]


async def said(engine: MemoEngine, adapter: str | None, max_tokens: int = 9) -> list[str]:
    ids = engine.encode_chat(PROMPT)
    return [delta.text async for delta in engine.generate(ids, Sampling(max_tokens), adapter)]


async def test_what_was_generated_is_given_again() -> None:
    """Another adapter, prompt or sampling is another generation."""
    inner = ScriptedEngine(lambda _prompt: "The port is 8000.", adapters=("ask",))
    engine = MemoEngine(inner)
    first = await said(engine, "ask")
    assert first == await said(engine, "ask")
    assert ["ask"] == inner.adapters_used
    await said(engine, None)
    await said(engine, "ask", max_tokens=2)
    assert ["ask", None, "ask"] == inner.adapters_used


async def test_a_failure_is_not_remembered_as_an_answer() -> None:
    """It fails each time."""
    engine = MemoEngine(ScriptedEngine())
    for _ in range(2):
        with pytest.raises(UnknownAdapter):
            await said(engine, "none")
