"""The engine on vLLM keeps the same promises, where vLLM is installed (requirements-vllm.txt); a minute to start."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("vllm")

from agent.engine.adapters import CONFIG
from agent.engine.base import Sampling
from agent.engine.vllm.engine import VllmEngine
from agent.errors import GenerationFailed, UnknownAdapter
from agent.language_model import engine_options
from agent.settings import Settings
from tests.agent.engine.test_transformers_engine import (  # noqa: F401 - collected here too, with the engine below
    BASE,
    adapter,
    test_a_bad_request_fails_alone_and_at_once,
    test_a_beginning_is_shared_with_those_of_the_same_adapter_and_salt_only,
    test_a_deadline_ends_the_generation,
    test_a_prompt_beyond_the_context_is_refused,
    test_a_stop_text_ends_the_generation_before_it,
    test_closing_the_iterator_stops_the_generation,
    test_greedy_tokens_are_those_of_generate_with_every_adapter_at_once,
    test_more_generations_than_places_wait_their_turn,
    test_one_seed_gives_one_answer,
    test_text_pieces_join_to_the_whole,
    test_the_first_token_tells_how_likely_the_withheld_one_was,
    tokens,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def engine(adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmEngine]:  # noqa: F811
    """float32, so that tokens can be compared with another run of the same numbers."""
    later = tmp_path_factory.mktemp("later")
    settings = Settings(
        base_model=BASE, lora_model=f"random={adapter}", dtype="float32", max_generations=3, kv_cache_mib=1024,
        engine="vllm", adapter_folder=str(later),
    )  # fmt: skip
    engine = VllmEngine(engine_options(settings))
    # Those that come when it runs: one that fits, and one of a kind that it cannot run.
    shutil.copytree(adapter, later / "later")
    shutil.copytree(adapter, later / "dora")
    config = json.loads((adapter / CONFIG).read_text())
    (later / "dora" / CONFIG).write_text(json.dumps(config | {"use_dora": True}))
    yield engine
    engine.close()


async def test_an_adapter_that_comes_later_says_what_it_says_from_the_start(engine: VllmEngine) -> None:
    """And its name is among those that can be asked for."""
    assert {"random", "later", "dora"} == set(engine.adapters)
    assert await tokens(engine, "random") == await tokens(engine, "later")


async def test_an_adapter_that_cannot_be_read_is_refused_alone(engine: VllmEngine) -> None:
    """By us, or by vLLM; nobody else notices."""
    beside = asyncio.create_task(tokens(engine, None))
    with pytest.raises(UnknownAdapter):
        await tokens(engine, "dora")
    assert 12 == len(await beside)
    assert engine.healthy()


async def test_closing_tells_those_who_wait(adapter: Path) -> None:  # noqa: F811
    """And whoever comes later."""
    settings = Settings(base_model=BASE, lora_model="", dtype="float32", kv_cache_mib=512, engine="vllm")
    closing = VllmEngine(engine_options(settings))
    asked = [asyncio.create_task(tokens(closing, None, Sampling(max_tokens=4000))) for _ in range(4)]
    await asyncio.sleep(1)
    await asyncio.to_thread(closing.close)
    for one in asked:
        with pytest.raises(GenerationFailed):
            await one
    with pytest.raises(GenerationFailed):
        await tokens(closing, None)
    assert not closing.healthy()
