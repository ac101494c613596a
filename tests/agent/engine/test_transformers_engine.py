"""The real engine on the embedded model: exact tokens, adapters, cancellation, refusals."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from agent.engine.base import Sampling
from agent.engine.transformers_engine import TransformersEngine
from agent.errors import DeadlineExceeded, InvalidRequest, PromptTooLong, UnknownAdapter
from agent.language_model import engine_options
from agent.load_errors import AdapterMismatch, ConfigurationError, ModelInvalid, ModelNotFound
from agent.settings import EMBEDDED_LLM, Settings
from tests.conftest import ROOT

BASE = str(ROOT / EMBEDDED_LLM)
SHORT = Sampling(max_tokens=12)
QUESTION = [{"role": "user", "content": "Name three colours of the rainbow."}]


def make_adapter(folder: Path, base: str = BASE) -> Path:
    """A LoRA with random weights, large enough to change what the model says."""
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    lora = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False))
    lora.save_pretrained(str(folder))
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": base}))
    return folder


@pytest.fixture(scope="module")
def adapter(real_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random adapter for the embedded model."""
    return make_adapter(tmp_path_factory.mktemp("adapter") / "random")


@pytest.fixture(scope="module")
def engine(adapter: Path) -> Iterator[TransformersEngine]:
    """float32, so that tokens can be compared with another run of the same numbers."""
    settings = Settings(base_model=BASE, lora_model=f"random={adapter}", dtype="float32", max_generations=3)
    engine = TransformersEngine(engine_options(settings))
    yield engine
    engine.close()


async def tokens(engine: TransformersEngine, adapter: str | None, sampling: Sampling = SHORT) -> list[int]:
    stream = engine.generate(engine.encode_chat(QUESTION), sampling, adapter)
    return [delta.token_id async for delta in stream]


def reference(engine: TransformersEngine, adapter: Path | None) -> list[int]:
    model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, str(adapter))
    prompt = torch.tensor([engine.encode_chat(QUESTION)])
    output = model.generate(
        input_ids=prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=12, do_sample=False
    )
    return [int(token) for token in output[0, prompt.shape[1] :]]


async def test_greedy_tokens_are_those_of_generate_with_every_adapter_at_once(
    engine: TransformersEngine, adapter: Path
) -> None:
    """Base and adapter, interleaved token by token, each say what they say alone under transformers' own generate."""
    runs = await asyncio.gather(tokens(engine, None), tokens(engine, "random"), tokens(engine, None))
    assert [reference(engine, None), reference(engine, adapter), reference(engine, None)] == runs
    assert runs[0] != runs[1]


async def test_one_seed_gives_one_answer(engine: TransformersEngine) -> None:
    """Whatever else runs beside it."""
    warm = Sampling(max_tokens=12, temperature=1.0, seed=5)
    first, second, other = await asyncio.gather(
        tokens(engine, None, warm), tokens(engine, None, warm), tokens(engine, None, Sampling(12, 1.0, seed=6))
    )
    assert first == second
    assert first != other


async def test_a_temperature_near_zero_is_greedy(engine: TransformersEngine) -> None:
    """Logits divided by it would not be numbers any more, and spoil the step of everybody."""
    assert await tokens(engine, None) == await tokens(engine, None, Sampling(12, temperature=1e-39))


async def test_the_first_token_tells_how_likely_the_withheld_one_was(engine: TransformersEngine) -> None:
    """And each token how likely it was itself."""
    (likeliest, *_) = await tokens(engine, None)
    stream = engine.generate(engine.encode_chat(QUESTION), Sampling(max_tokens=3, withheld=likeliest), None)
    first, *rest = [delta async for delta in stream]
    assert first.withheld is not None
    assert first.token_id != likeliest
    assert first.logprob <= first.withheld < 0.0
    assert [None] * len(rest) == [delta.withheld for delta in rest]


async def test_closing_the_iterator_stops_the_generation(engine: TransformersEngine) -> None:
    """At most the token that was being made is still made."""
    stream = engine.generate(engine.encode_chat(QUESTION), Sampling(max_tokens=500, temperature=1.5, seed=1), None)
    async with aclosing(stream):
        async for _delta in stream:
            break
    while engine.stats().running:
        await asyncio.sleep(0.01)
    made = engine.stats().generated_tokens
    await tokens(engine, None, Sampling(max_tokens=1))
    while engine.stats().running:
        await asyncio.sleep(0.01)
    assert 1 == engine.stats().generated_tokens - made


async def test_more_generations_than_places_wait_their_turn(engine: TransformersEngine) -> None:
    """All are answered, and never more than `capacity` run."""
    jobs = [asyncio.create_task(tokens(engine, None, Sampling(max_tokens=4))) for _ in range(8)]
    most = 0
    while not all(job.done() for job in jobs):
        most = max(most, engine.stats().running)
        await asyncio.sleep(0.001)
    assert most <= engine.capacity == 3
    assert 1 == len({tuple(job.result()) for job in jobs})


async def test_text_pieces_join_to_the_whole(engine: TransformersEngine) -> None:
    """Characters of several bytes are never cut."""
    prompt = engine.encode_chat([{"role": "user", "content": "Repite exactamente: añó ¿qué? 😀 café"}])
    deltas = [delta async for delta in engine.generate(prompt, Sampling(max_tokens=40), None)]
    assert "�" not in "".join(delta.text for delta in deltas[:-1])
    assert deltas[-1].finish in ("stop", "length")


async def test_a_prompt_beyond_the_context_is_refused(engine: TransformersEngine) -> None:
    """Before anything is computed; so is an unknown adapter."""
    with pytest.raises(PromptTooLong):
        await anext(engine.generate([1] * engine.context_length, Sampling(max_tokens=1), None))
    with pytest.raises(UnknownAdapter):
        await anext(engine.generate([1], Sampling(max_tokens=1), "nobody"))


@pytest.mark.parametrize(
    ("prompt", "sampling"),
    [
        ([], SHORT),
        ([49_152], SHORT),
        ([-1], SHORT),
        ([1], Sampling(max_tokens=0)),
        ([1], Sampling(12, temperature=-1.0)),
        ([1], Sampling(12, top_p=0.0)),
        ([1], Sampling(12, top_k=0)),
        ([1], Sampling(12, allowed=frozenset())),
        ([1], Sampling(12, allowed=frozenset({49_152}))),
        ([1], Sampling(12, withheld=-1)),
    ],
)
async def test_a_bad_request_fails_alone_and_at_once(
    engine: TransformersEngine, prompt: list[int], sampling: Sampling
) -> None:
    """One beside it does not notice."""
    beside = asyncio.create_task(tokens(engine, None))
    with pytest.raises((InvalidRequest, PromptTooLong)):
        await anext(engine.generate(prompt, sampling, None))
    assert 12 == len(await beside)
    assert engine.healthy()


async def test_a_prompt_that_the_cache_can_never_hold_is_refused(real_models: Path) -> None:
    """Rather than waiting for ever."""
    small = TransformersEngine(
        engine_options(Settings(base_model=BASE, lora_model="", dtype="float32", kv_cache_mib=4))
    )
    try:
        with pytest.raises(PromptTooLong):
            await anext(small.generate([1] * 200, SHORT, None))
        assert 12 == len(await tokens(small, None))
    finally:
        small.close()


async def test_a_stop_text_ends_the_generation_before_it(engine: TransformersEngine) -> None:
    """Neither the text nor anything behind it comes out."""
    prompt = engine.encode_chat(QUESTION)
    whole = "".join([delta.text async for delta in engine.generate(prompt, SHORT, None)])
    stop = whole[8:12]
    sampling = Sampling(max_tokens=12, stop=(stop,))
    deltas = [delta async for delta in engine.generate(prompt, sampling, None)]
    assert whole[: whole.index(stop)] == "".join(delta.text for delta in deltas)
    assert "stop" == deltas[-1].finish


def test_a_cache_that_is_too_small_is_refused_with_the_least(real_models: Path) -> None:
    """Nobody has to try."""
    settings = Settings(base_model=BASE, lora_model="", dtype="float32", kv_cache_mib=1)
    with pytest.raises(ConfigurationError, match="the least is 3"):
        TransformersEngine(engine_options(settings))


async def test_a_deadline_ends_the_generation(engine: TransformersEngine) -> None:
    """With an error that says so."""
    stream = engine.generate([1, 2, 3], Sampling(max_tokens=4000), None, deadline=time.monotonic() + 0.3)
    with pytest.raises(DeadlineExceeded):
        async for _delta in stream:
            pass
    while engine.stats().running:
        await asyncio.sleep(0.01)


async def test_a_beginning_is_shared_with_those_of_the_same_adapter_and_salt_only(engine: TransformersEngine) -> None:
    """A cached beginning is what this adapter computed, and its speed tells nothing to another caller."""
    prompt = [5 + number % 200 for number in range(50)]

    async def cached(adapter: str | None, salt: bytes) -> int:
        return [delta.cached_tokens async for delta in engine.generate(prompt, SHORT, adapter, salt=salt)][-1]

    for adapter in (None, "random"):
        for salt in (b"", b"one caller"):
            assert 0 == await cached(adapter, salt)
            # In whole blocks, of 16 tokens or of 32, and never its last token.
            assert 32 <= await cached(adapter, salt) < len(prompt)


async def test_an_adapter_of_the_folder_is_loaded_while_others_generate(adapter: Path, real_models: Path) -> None:
    """With the tokens that it has when it is loaded at the start; waiting for it can be given up."""
    settings = Settings(base_model=BASE, lora_model="", dtype="float32", adapter_folder=str(adapter.parent))
    engine = TransformersEngine(engine_options(settings))
    try:
        assert ("random",) == engine.adapters
        given_up = asyncio.create_task(tokens(engine, "random"))
        await asyncio.sleep(0)
        given_up.cancel()
        base, first, second = await asyncio.gather(*(tokens(engine, name) for name in (None, "random", "random")))
        assert first == second == reference(engine, adapter)
        assert base == reference(engine, None)
        while engine.stats().running:
            await asyncio.sleep(0.01)
    finally:
        engine.close()


def test_an_adapter_for_another_base_is_refused(adapter: Path, tmp_path: Path) -> None:
    """By the base it declares, and by its shapes."""
    stranger = make_adapter(tmp_path / "stranger", base="meta-llama/Llama-3.1-8B-Instruct")
    with pytest.raises(AdapterMismatch):
        TransformersEngine(engine_options(Settings(base_model=BASE, lora_model=str(stranger))))
    bent = make_adapter(tmp_path / "bent", base="")
    config = AutoModelForCausalLM.from_pretrained(BASE).config
    config.hidden_size, config.num_hidden_layers, config.intermediate_size = 192, 1, 64
    config.num_attention_heads = config.num_key_value_heads = 3
    small = tmp_path / "small"
    AutoModelForCausalLM.from_config(config).save_pretrained(small)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (small / name).write_bytes((ROOT / EMBEDDED_LLM / name).read_bytes())
    with pytest.raises(AdapterMismatch):
        TransformersEngine(engine_options(Settings(base_model=str(small), lora_model=str(bent))))


def test_a_base_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A typo and a Hub id while offline are told apart from a folder without weights."""
    for value in ("models/typo", "someone/not-on-disk"):
        with pytest.raises(ModelNotFound, match="BASE_MODEL"):
            TransformersEngine(engine_options(Settings(base_model=value)))
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(ModelInvalid, match="BASE_MODEL"):
        TransformersEngine(engine_options(Settings(base_model=str(tmp_path))))
