"""The engine on vLLM keeps the same promises, where vLLM is installed (requirements-vllm.txt); a minute to start."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("vllm")

from agent.engine.vllm_engine import VllmEngine
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
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def engine(adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmEngine]:  # noqa: F811
    """float32, so that tokens can be compared with another run of the same numbers."""
    settings = Settings(
        base_model=BASE, lora_model=f"random={adapter}", dtype="float32", max_generations=3, kv_cache_mib=1024,
        engine="vllm", adapter_folder=str(tmp_path_factory.mktemp("later")),
    )  # fmt: skip
    engine = VllmEngine(engine_options(settings))
    yield engine
    engine.close()
