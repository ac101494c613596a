"""The engine on vLLM, in processes of its own: for models that need several GPUs. An optional dependency."""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.lora.request import LoRARequest
from vllm.v1.engine.async_llm import AsyncLLM

from agent.engine.adapters import WEIGHTS, check_fits, fingerprint, rank_of
from agent.engine.base import ChatMessage, EngineStats, Sampling, TokenDelta
from agent.engine.catalog import Catalog
from agent.engine.device import MOST_RUNNING, pick_device, pick_dtype
from agent.engine.limits import check
from agent.engine.mailbox import Mailboxes
from agent.engine.options import EngineOptions
from agent.engine.outcomes import Outcomes
from agent.engine.provenance import Provenance
from agent.engine.text_stream import TextStream
from agent.engine.tokenizer import ChatTokenizer, end_ids
from agent.engine.vllm.generations import Asked, Generations
from agent.engine.vllm.outline import outline
from agent.errors import AskError, DeadlineExceeded, GenerationFailed, UnknownAdapter
from agent.load_errors import AdapterMismatch, ModelInvalid

# What vLLM has room for; the next one that is as large as the largest adapter.
_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
_USUAL_RANK = 16
_MIB = 1024 * 1024
# Of keys and values on a CPU, where nothing says so and vLLM would take a share of all memory.
_CPU_CACHE_MIB = 2048
_CPU_BLOCK = 32


class VllmEngine:
    """Starts vLLM with the base model of the options; adapters are read when they are first asked for.

    vLLM decides itself how many tokens a step has, whether guesses pay and when one of its processes hangs:
    `step_tokens`, `threads`, `drafts` and `hung_s` of the options say nothing to it.

    Raises:
        ModelInvalid, AdapterMismatch, ConfigurationError: see `agent.load_errors`.
    """

    def __init__(self, options: EngineOptions) -> None:
        device = pick_device(options.device)
        self._tokenizer = ChatTokenizer(options.folder)
        self._base = outline(options.folder)
        self._fingerprint = fingerprint(self._base)
        self._vocabulary = int(self._base.config.vocab_size)
        self.model = options.name or options.folder.name
        self._base_names = {self.model, options.folder.name}
        self.default_adapter = options.default_adapter
        self.capacity = options.most_running or MOST_RUNNING[device.type]
        self._catalog = Catalog(options.adapters, options.adapter_folder)
        self._rank = _room_for(self._catalog, options.adapter_folder)
        # The time of its weights, as which vLLM knows it, and whether that has taken it.
        self._loras: dict[str, tuple[int, LoRARequest]] = {}
        self._taken: set[str] = set()
        self._lora_numbers = count(1)
        self._active = 0
        for name, place in self._catalog.named.items():
            self._check_adapter(name, place)
        self._mailboxes = Mailboxes()
        self._closed = False
        # Whoever has come through is known to the event loop before it is told to stop.
        self._gate = threading.Lock()
        self.parameters = self._base.num_parameters()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="askpod-vllm", daemon=True)
        self._thread.start()
        try:
            ends = end_ids(self._base, self._tokenizer)
            self._llm: Any = self._there(self._start(options, device.type))
            self._generations = Generations(self._llm, ends)
            # As much as there is room for.
            self.context_length = int(self._llm.model_config.max_model_len)
        except Exception as error:  # vLLM's own processes end with whatever error they have
            self._end_thread()
            raise ModelInvalid(
                "vLLM cannot run BASE_MODEL.",
                detail=repr(error),
                remedy="See vLLM's own lines: take a smaller KV_CACHE_MIB, another model or ENGINE=transformers.",
            ) from error

    @property
    def adapters(self) -> tuple[str, ...]:
        """As `Engine.adapters`."""
        return self._catalog.names

    def has_adapter(self, name: str) -> bool:
        """As `Engine.has_adapter`."""
        return self._catalog.place(name) is not None

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
        lora = None if adapter is None else await asyncio.to_thread(self._lora, adapter)
        outcomes = Outcomes(self._mailboxes.of(asyncio.get_running_loop()))
        text = TextStream(self._tokenizer, sampling.stop)
        asked = Asked(prompt_ids, sampling, lora, salt, deadline, text, outcomes)
        with self._gate:
            if not self.healthy():
                raise GenerationFailed(detail="vLLM has ended")
            serving = asyncio.run_coroutine_threadsafe(self._serve(asked), self._loop)
        serving.add_done_callback(partial(_ended, outcomes))
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
        return not self._closed and self._thread.is_alive() and not self._llm.errored

    def close(self) -> None:
        """As `Engine.close`."""
        with self._gate:
            closing, self._closed = not self._closed, True
        if closing:
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
                # As the model's, or as many as the cache can hold.
                max_model_len=-1,
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
        # It would do that again when the interpreter ends, and cannot then.
        self._llm = None
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, asked: Asked) -> None:
        self._active += 1
        until = asyncio.timeout_at(asked.deadline)
        try:
            async with until:
                if asked.lora is not None:
                    await self._take(asked.lora)
                await self._generations.run(asked)
        except AskError as error:
            asked.outcomes.deliver(error)
        except Exception as error:  # the engine's edge: whatever vLLM raises, others go on
            asked.outcomes.deliver(DeadlineExceeded() if until.expired() else GenerationFailed(detail=repr(error)))
        finally:
            self._active -= 1

    # ------------------------------------------------------------------ adapters

    async def _take(self, lora: LoRARequest) -> None:
        """Let vLLM read an adapter before it is used: in a step its error would be everybody's."""
        if lora.lora_name in self._taken:
            return
        try:
            await self._llm.add_lora(lora)
        except Exception as error:  # vLLM's own errors come out of another process, as whatever they are there
            raise UnknownAdapter(param="adapter", detail=repr(error)) from error
        self._taken.add(lora.lora_name)

    def _lora(self, name: str) -> LoRARequest:
        """What vLLM knows an adapter as; it is checked when its weights are new.

        Raises:
            UnknownAdapter: there is none of this name, or it does not fit.
        """
        place = self._catalog.place(name)
        try:
            if place is None:
                raise UnknownAdapter(param="adapter")
            changed = (place / WEIGHTS).stat().st_mtime_ns
            if name not in self._loras or self._loras[name][0] != changed:
                self._check_adapter(name, place)
                # Another name too: what vLLM has cached for the old weights must not be taken for these.
                number = next(self._lora_numbers)
                self._loras[name] = changed, LoRARequest(f"{name}-{number}", number, str(place))
        except (AdapterMismatch, OSError) as error:
            raise UnknownAdapter(param="adapter", detail=repr(error)) from error
        return self._loras[name][1]

    def _check_adapter(self, name: str, place: Path) -> None:
        check_fits(place, self._base, self._base_names, self._fingerprint)
        if rank_of(place) > self._rank:
            raise AdapterMismatch("An adapter has a larger rank than there was room for at the start.", detail=name)

    # ------------------------------------------------------------------ its thread

    def _there(self, what: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _room_for(catalog: Catalog, folder: Path | None) -> int:
    """The rank that all adapters there are have room in, and usual ones that may come; 0 where there can be none."""
    ranks = [0 if folder is None else _USUAL_RANK]
    for place in map(catalog.place, catalog.names):
        try:
            ranks.append(0 if place is None else rank_of(place))
        except AdapterMismatch:  # refused when it is asked for
            continue
    return next((rank for rank in _RANKS if rank >= max(ranks)), _RANKS[-1]) if max(ranks) else 0


def _ended(outcomes: Outcomes, _serving: object) -> None:
    """Whoever still waits then waits for nothing: the engine was closed."""
    with suppress(RuntimeError):  # or nobody does
        outcomes.deliver(GenerationFailed(detail="the engine has ended"))
