"""The engine on vLLM, in processes of its own: for models that need several GPUs. An optional dependency."""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from itertools import count
from pathlib import Path
from typing import Any

from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.lora.request import LoRARequest
from vllm.v1.engine.async_llm import AsyncLLM

from agent.engine.adapters import check_fits, fingerprint, rank_of
from agent.engine.base import ChatMessage, EngineStats, Sampling, TokenDelta
from agent.engine.catalog import Catalog
from agent.engine.device import pick_device, pick_dtype
from agent.engine.limits import check
from agent.engine.mailbox import Mailboxes
from agent.engine.options import EngineOptions
from agent.engine.outcomes import Outcomes
from agent.engine.outline import outline
from agent.engine.provenance import Provenance
from agent.engine.text_stream import TextStream
from agent.engine.tokenizer import ChatTokenizer, end_ids
from agent.engine.vllm_stream import Asked, Generations
from agent.errors import AdapterMismatch, DeadlineExceeded, GenerationFailed, ModelInvalid, UnknownAdapter

_MOST_RUNNING = {"cpu": 16, "cuda": 128}
# What vLLM has room for; the next one that is as large as the largest adapter.
_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
_MIB = 1024 * 1024
# Of keys and values on a CPU, where nothing says so and vLLM would take a share of all memory.
_CPU_CACHE_MIB = 2048
_CPU_BLOCK = 32


class VllmEngine:
    """Starts vLLM with the base model of the options; adapters are read when they are first asked for.

    vLLM decides itself how many tokens a step has and whether guesses pay: `step_tokens`, `threads` and `drafts` of the
    options say nothing to it.

    Raises:
        ModelInvalid, AdapterMismatch, ConfigurationError: see `agent.errors`.
    """

    def __init__(self, options: EngineOptions) -> None:
        device = pick_device(options.device)
        self._tokenizer = ChatTokenizer(options.folder)
        self._base = outline(options.folder)
        self._fingerprint = fingerprint(self._base)
        self._vocabulary = int(self._base.config.vocab_size)
        self.model = options.name or options.folder.name
        self._base_names = {self.model, options.folder.name}
        self.context_length = int(getattr(self._base.config, "max_position_embeddings", 4096))
        self.default_adapter = options.default_adapter
        self.capacity = options.most_running or _MOST_RUNNING[device.type]
        self._catalog = Catalog(options.adapters, options.adapter_folder)
        self._rank = _room_for(self._catalog)
        self._loras: dict[str, LoRARequest] = {}
        self._lora_numbers = count(1)
        self._active = 0
        for name in self._catalog.named:
            self._check_adapter(name)
        self._mailboxes = Mailboxes()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="askpod-vllm", daemon=True)
        self._thread.start()
        try:
            self._llm: Any = self._there(self._start(options, device.type))
            self._generations = Generations(self._llm, end_ids(self._base, self._tokenizer))
        except Exception as error:  # vLLM's own processes end with whatever error they have
            self._end_thread()
            raise ModelInvalid("vLLM cannot run BASE_MODEL.", detail=repr(error)) from error

    @property
    def adapters(self) -> tuple[str, ...]:
        """As `Engine.adapters`."""
        return self._catalog.names

    def provenance(self, adapter: str) -> Provenance | None:
        """As `Engine.provenance`."""
        return self._catalog.provenance(adapter)

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
        lora = None if adapter is None else self._loras.get(adapter) or await asyncio.to_thread(self._lora, adapter)
        if not self.healthy():
            raise GenerationFailed(detail="vLLM has ended")
        outcomes = Outcomes(self._mailboxes.of(asyncio.get_running_loop()))
        text = TextStream(self._tokenizer, sampling.stop)
        asked = Asked(prompt_ids, sampling, lora, salt, deadline, text, outcomes)
        serving = asyncio.run_coroutine_threadsafe(self._serve(asked), self._loop)
        try:
            async with aclosing(outcomes.stream()) as stream:
                async for delta in stream:
                    yield delta
        finally:
            serving.cancel()

    def stats(self) -> EngineStats:
        """As `Engine.stats`."""
        running = min(self._active, self.capacity)
        return EngineStats(running, self._active - running, self.capacity, self._generations.tokens)

    def healthy(self) -> bool:
        """As `Engine.healthy`."""
        return self._llm is not None and self._thread.is_alive() and not self._llm.errored

    def close(self) -> None:
        """As `Engine.close`."""
        if self._thread.is_alive():
            self._there(self._stop())
            self._end_thread()

    # ------------------------------------------------------------------ in vLLM's event loop

    async def _start(self, options: EngineOptions, device: str) -> AsyncLLM:
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        cache_mib = options.cache_mib or (_CPU_CACHE_MIB if device == "cpu" else 0)
        adapters: dict[str, Any] = {}
        if self._rank:
            most = max(options.most_adapters, len(options.adapters))
            adapters = {
                "enable_lora": True, "max_loras": most, "max_cpu_loras": most, "max_lora_rank": self._rank
            }  # fmt: skip
        return AsyncLLM.from_engine_args(
            AsyncEngineArgs(
                model=str(options.folder),
                dtype=str(pick_dtype(options.dtype, pick_device(options.device))).removeprefix("torch."),
                max_num_seqs=self.capacity,
                enable_prefix_caching=True,
                # On a CPU it would be 128: beginnings are shared in whole blocks.
                block_size=_CPU_BLOCK if device == "cpu" else None,
                kv_cache_memory_bytes=cache_mib * _MIB or None,
                tensor_parallel_size=options.tensor_parallel,
                seed=0,
                **adapters,
            )
        )

    async def _stop(self) -> None:
        self._llm.shutdown()
        self._llm = None
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, asked: Asked) -> None:
        self._active += 1
        try:
            async with asyncio.timeout_at(asked.deadline):
                await self._generations.run(asked)
        except TimeoutError:
            asked.outcomes.deliver(DeadlineExceeded())
        except asyncio.CancelledError:
            # Whoever went does not listen any more; whoever is there still learns that the engine has been closed.
            asked.outcomes.deliver(GenerationFailed(detail="the engine has ended"))
            raise
        except Exception as error:  # the engine's edge: whatever vLLM raises, others go on
            asked.outcomes.deliver(GenerationFailed(detail=repr(error)))
        finally:
            self._active -= 1

    # ------------------------------------------------------------------ adapters

    def _lora(self, name: str) -> LoRARequest:
        """Raises: UnknownAdapter: there is none of this name, or it does not fit."""
        try:
            place = self._check_adapter(name)
        except AdapterMismatch as error:
            raise UnknownAdapter(param="adapter", detail=repr(error)) from error
        if place is None:
            raise UnknownAdapter(param="adapter")
        return self._loras.setdefault(name, LoRARequest(name, next(self._lora_numbers), str(place)))

    def _check_adapter(self, name: str) -> Path | None:
        place = self._catalog.place(name)
        if place is None:
            return None
        check_fits(place, self._base, self._base_names, self._fingerprint)
        if rank_of(place) > self._rank:
            raise AdapterMismatch("An adapter has a larger rank than there was room for at the start.", detail=name)
        return place

    # ------------------------------------------------------------------ its thread

    def _there(self, what: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _room_for(catalog: Catalog) -> int:
    """The rank that all adapters there are have room in; 0 where there are none."""
    ranks = [rank_of(place) for name in catalog.names if (place := catalog.place(name)) is not None]
    largest = max(ranks, default=0)
    return next((rank for rank in _RANKS if rank >= largest), _RANKS[-1]) if largest else 0
