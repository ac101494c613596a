"""The engine on transformers, in this process: continuous batching over a model of its own."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging as transformers_logging

from agent.building import BUILDING
from agent.engine.attention import NAME as ATTENTION
from agent.engine.base import ChatMessage, EngineStats, Sampling, TokenDelta
from agent.engine.blocks import BlockPool
from agent.engine.cuda import flash
from agent.engine.cuda.fused_norm import fuse_norms
from agent.engine.cuda.graph_runner import MOST_ROWS, GraphRunner
from agent.engine.cuda.whole_cache import WholeCache
from agent.engine.device import MOST_RUNNING, free_bytes, pick_device, pick_dtype
from agent.engine.kv_cache import KVCache, bytes_per_token
from agent.engine.limits import check
from agent.engine.loop import Loop, RunsSteps
from agent.engine.mailbox import Mailboxes
from agent.engine.options import EngineOptions
from agent.engine.outcomes import Outcomes
from agent.engine.provenance import Provenance
from agent.engine.request import Request
from agent.engine.runner import Runner
from agent.engine.scheduler import Scheduler
from agent.engine.shelf import Shelf
from agent.engine.text_stream import TextStream
from agent.engine.threads import ALL, compute_alone, compute_with
from agent.engine.tokenizer import ChatTokenizer, end_ids
from agent.errors import AskError, PromptTooLong
from agent.load_errors import ConfigurationError, ModelInvalid
from agent.packed import pack
from agent.telemetry.clock import Phase, ms_since, untold

_MIB = 1024 * 1024
_BLOCK = 16
_FEWEST_BLOCKS = 4
_STEP_TOKENS = {"cpu": 512, "cuda": 4096}
# Of a generation, where nothing says how long they are; the cache is sized for this.
_USUAL_LENGTH = 2048
# What is left free is for activations, and on a CPU for the embedder, the index and the rest of the process.
_SHARE_OF_FREE_MEMORY = {"cpu": 0.25, "cuda": 0.85}


class TransformersEngine:
    """Loads the base model and every adapter of the options, and starts.

    Args:
        options: what to load, and how to run it.
        phase: told each part of loading that has a time of its own, and its milliseconds.

    Raises:
        ModelInvalid, AdapterMismatch, ConfigurationError: see `agent.load_errors`.
    """

    def __init__(self, options: EngineOptions, phase: Phase = untold) -> None:
        # What fails is raised, and reported by us.
        transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self._device = pick_device(options.device)
        if self._device.type == "cpu":
            compute_alone()
        try:
            self._load(options, self._device, phase)
        except BaseException as error:
            if self._device.type == "cpu":
                compute_with(ALL)
            if _is_too_little_memory(error):
                raise ConfigurationError(
                    "The memory is too small for BASE_MODEL, its adapters, the KV cache and a step.",
                    detail=repr(error),
                    remedy="Lower KV_CACHE_MIB or STEP_TOKENS, or take a smaller model or a larger machine.",
                ) from error
            raise
        self._mailboxes = Mailboxes()
        self._loading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="askpod-adapters")

    def _load(self, options: EngineOptions, device: torch.device, phase: Phase) -> None:
        dtype = pick_dtype(options.dtype, device)
        # First: meanwhile another model may be built.
        self._tokenizer = ChatTokenizer(options.folder)
        model = _load_base(options.folder, dtype).to(device)  # type: ignore[arg-type]
        self.parameters = model.num_parameters()
        if device.type == "cpu":
            pack(model)
        self._end_ids = end_ids(model, self._tokenizer)
        self._vocabulary = int(model.config.vocab_size)
        self.model = options.name or options.folder.name
        self.context_length = int(getattr(model.config, "max_position_embeddings", 4096))
        self.default_adapter = options.default_adapter
        began = time.monotonic()
        self._shelf = Shelf(
            model, {self.model, options.folder.name}, options.adapters, options.adapter_folder, options.most_adapters
        )
        phase("adapters", ms_since(began))
        self.capacity = options.most_running or MOST_RUNNING[device.type]
        pool = BlockPool(self._cache_blocks(model, options, device, dtype), _BLOCK)
        step_tokens = options.step_tokens or _STEP_TOKENS[device.type]
        whole = flash.possible(model.config, device, dtype)
        self._scheduler = Scheduler(
            pool, step_tokens, self.capacity, drafts=options.drafts,
            guessing_tokens=MOST_ROWS if whole else None, whole=whole,
        )  # fmt: skip
        if whole:
            fuse_norms(model)
            model.set_attn_implementation(flash.NAME)
            cache = WholeCache(model.config, pool.count, _BLOCK, device, dtype)
            graphs = GraphRunner(model, cache, self._shelf.routing, self.context_length)
            warm_up = partial(graphs.warm_up, step_tokens, adapted=bool(options.adapters))
            self._begin(graphs, options.hung_s, warm_up)
        else:
            in_blocks = KVCache(model.config, pool.count, _BLOCK, device, dtype)

            def prepare() -> None:
                compute_with(options.threads or ALL)
                in_blocks.clear_all()

            self._begin(Runner(model, in_blocks, self._shelf.routing), options.hung_s, prepare)

    def _begin(self, runner: RunsSteps, hung_s: float, first: Callable[[], None]) -> None:
        """Start the engine's thread; `first` is done in it before anything else."""
        self._loop = Loop(self._scheduler, runner, hung_s)
        self._loop.start()
        try:
            self._loop.between_steps(first).result()
        except BaseException:
            self._loop.close()
            raise
        if self._device.type == "cpu":
            compute_alone()

    @property
    def adapters(self) -> tuple[str, ...]:
        """As `Engine.adapters`."""
        return self._shelf.names

    def has_adapter(self, name: str) -> bool:
        """As `Engine.has_adapter`."""
        return self._shelf.has(name)

    def encode_chat(self, messages: Sequence[ChatMessage]) -> list[int]:
        """As `Engine.encode_chat`."""
        return self._tokenizer.encode_chat(messages)

    def encode(self, text: str) -> list[int]:
        """As `Engine.encode`."""
        return self._tokenizer.encode(text)

    def count_tokens(self, text: str) -> int:
        """As `Engine.count_tokens`."""
        return len(self._tokenizer.encode(text))

    async def generate(
        self,
        prompt_ids: Sequence[int],
        sampling: Sampling,
        adapter: str | None,
        *,
        salt: bytes = b"",
        deadline: float | None = None,
    ) -> AsyncGenerator[TokenDelta, None]:
        """As `Engine.generate`."""
        check(prompt_ids, sampling, self._vocabulary, self.context_length)
        if not self._scheduler.fits(len(prompt_ids) + sampling.max_tokens):
            raise PromptTooLong(detail="more tokens than the KV cache has")
        if adapter is None:
            async with aclosing(self._stream(prompt_ids, sampling, None, salt, deadline)) as stream:
                async for delta in stream:
                    yield delta
            return
        known_as = self._shelf.hold_now(adapter) or await self._hold(adapter)
        try:
            salted = known_as + b"\0" + salt
            async with aclosing(self._stream(prompt_ids, sampling, adapter, salted, deadline)) as stream:
                async for delta in stream:
                    yield delta
        finally:
            self._shelf.let_go(adapter)

    async def _hold(self, adapter: str) -> bytes:
        """Wait while an adapter is loaded; who stops waiting does not keep it."""
        # In a thread of its own: those of the event loop are for searching, and must not all wait for adapters.
        here = asyncio.get_running_loop()
        holding = here.run_in_executor(self._loading, self._shelf.hold, adapter, self._loop.between_steps)
        try:
            return await asyncio.shield(holding)
        except asyncio.CancelledError:

            def let_go(held: "asyncio.Future[bytes]") -> None:
                if not held.cancelled() and held.exception() is None:
                    self._shelf.let_go(adapter)

            holding.add_done_callback(let_go)
            raise

    async def _stream(
        self, prompt_ids: Sequence[int], sampling: Sampling, adapter: str | None, salt: bytes, deadline: float | None
    ) -> AsyncGenerator[TokenDelta, None]:
        outcomes = Outcomes(self._mailboxes.of(asyncio.get_running_loop()))

        def deliver(outcome: TokenDelta | AskError) -> None:
            try:
                outcomes.deliver(outcome)
            except RuntimeError:  # the event loop is closed: nobody waits any more
                request.cancelled = True

        text = TextStream(self._tokenizer, sampling.stop)
        request = Request(prompt_ids, sampling, adapter, text, self._end_ids, deliver, salt=salt, deadline=deadline)
        self._loop.submit(request)
        try:
            async with aclosing(outcomes.stream()) as stream:
                async for delta in stream:
                    yield delta
        finally:
            self._loop.cancel(request)

    def provenance(self, adapter: str) -> Provenance | None:
        """As `Engine.provenance`."""
        return self._shelf.provenance(adapter)

    def stats(self) -> EngineStats:
        """As `Engine.stats`."""
        loop = self._loop
        running, waiting = loop.counts()
        return EngineStats(
            running, waiting, self.capacity, loop.generated, self._scheduler.shrunk, loop.guessed, loop.guessed_right
        )

    def healthy(self) -> bool:
        """As `Engine.healthy`."""
        return self._loop.alive()

    def close(self) -> None:
        """As `Engine.close`; waits for the step that runs."""
        self._loop.close()
        self._loading.shutdown(wait=False, cancel_futures=True)
        if self._device.type == "cpu":
            compute_with(ALL)

    def _cache_blocks(
        self, model: PreTrainedModel, options: EngineOptions, device: torch.device, dtype: torch.dtype
    ) -> int:
        """How many blocks the cache has: as the options say, or for usual generations within the free memory."""
        block_bytes = bytes_per_token(model.config, dtype) * _BLOCK
        free = free_bytes(device)
        if options.cache_mib:
            blocks = options.cache_mib * _MIB // block_bytes
            if options.cache_mib * _MIB > free:
                # On a CPU it would be taken page by page, until the system kills the process.
                raise ConfigurationError(
                    f"KV_CACHE_MIB is more than the memory that is free, {free // _MIB} MiB.",
                    remedy="Lower it, or leave it at 0, or take a smaller model or a larger machine.",
                )
            if blocks < _FEWEST_BLOCKS:
                least = -(-_FEWEST_BLOCKS * block_bytes // _MIB)
                raise ConfigurationError(f"KV_CACHE_MIB is too small for this model; the least is {least}.")
            return blocks
        wished = self.capacity * -(-min(self.context_length, _USUAL_LENGTH) // _BLOCK)
        most = int(free * _SHARE_OF_FREE_MEMORY[device.type]) // block_bytes
        return max(_FEWEST_BLOCKS, most if device.type == "cuda" else min(wished, most))


def _is_too_little_memory(error: BaseException) -> bool:
    """The GPU's, as torch says it in a class of its own, or the machine's, for which it has only words."""
    reason: BaseException | None = error
    while reason is not None:
        if isinstance(reason, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(reason):
            return True
        reason = reason.__cause__
    return False


def _load_base(folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    try:
        with BUILDING:
            model: Any = AutoModelForCausalLM.from_pretrained(
                folder, dtype=dtype, local_files_only=True, trust_remote_code=False, use_safetensors=True,
                attn_implementation=ATTENTION,
            )  # fmt: skip
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelInvalid("BASE_MODEL cannot be loaded.", detail=repr(error)) from error
    prepared: PreTrainedModel = model.eval()
    return prepared
