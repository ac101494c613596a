"""Generation on transformers and peft, in this process.

One thread owns the model. Each turn of its loop gives every running generation one token, in the order they came, with
the adapter it asked for; so generations never share state, and cancelling one takes effect within a token.
"""

import threading
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from collections.abc import Sequence as SequenceOf
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging as transformers_logging

from agent.engine.adapters import adapter_folders, check_fits, default_adapter
from agent.engine.base import ChatMessage, EngineStats, Sampling, TokenDelta
from agent.engine.device import pick_capacity, pick_device, pick_dtype
from agent.engine.kv_cache import bytes_per_token
from agent.engine.provenance import Provenance
from agent.engine.sequence import Sequence
from agent.engine.tokenizer import ChatTokenizer
from agent.errors import AskError, GenerationFailed, ModelInvalid, PromptTooLong, UnknownAdapter
from agent.model_source import locate
from agent.settings import Settings
from agent.telemetry.logs import get_logger


class TransformersEngine:
    """Loads the base model and every adapter of the settings.

    Raises:
        ModelNotFound, ModelInvalid, AdapterMismatch, ConfigurationError: see `agent.errors`.
    """

    def __init__(self, settings: Settings) -> None:
        # What fails is raised, and reported by us.
        transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        if settings.torch_threads:
            torch.set_num_threads(settings.torch_threads)
        self._device = pick_device(settings)
        dtype = pick_dtype(settings, self._device)
        folder = locate(settings.base_model, "BASE_MODEL", settings)
        base = _load_base(folder, dtype).to(self._device)  # type: ignore[arg-type]
        self._tokenizer = ChatTokenizer(folder)
        self._end_ids = _end_ids(base, self._tokenizer)
        self.model = settings.base_model.rstrip("/").rsplit("/", 1)[-1]
        self.context_length = int(getattr(base.config, "max_position_embeddings", 4096))
        per_generation = bytes_per_token(base.config, dtype) * min(self.context_length, 4096)
        self.provenances: Mapping[str, Provenance | None]
        self._model, self.provenances = _load_adapters(base, settings, {self.model, folder.name})
        self.adapters = tuple(self.provenances)
        self._active: str | None = self.adapters[0] if self.adapters else None
        self.default_adapter = default_adapter(settings, self.adapters)
        self.capacity = pick_capacity(settings, self._device, per_generation)
        self._waiting: deque[Sequence] = deque()
        self._running: list[Sequence] = []
        self._generated = 0
        self._closing = False
        self._work = threading.Condition()
        self._thread = threading.Thread(target=self._loop, name="askpod-engine", daemon=True)
        self._thread.start()

    # ------------------------------------------------------------------ any thread

    def encode_chat(self, messages: SequenceOf[ChatMessage]) -> list[int]:
        """As `Engine.encode_chat`."""
        return self._tokenizer.encode_chat(messages)

    def encode(self, text: str) -> list[int]:
        """As `Engine.encode`."""
        return self._tokenizer.encode(text)

    def count_tokens(self, text: str) -> int:
        """As `Engine.count_tokens`."""
        return len(self._tokenizer.encode(text))

    async def generate(
        self, prompt_ids: SequenceOf[int], sampling: Sampling, adapter: str | None
    ) -> AsyncGenerator[TokenDelta, None]:
        """As `Engine.generate`."""
        if adapter is not None and adapter not in self.adapters:
            raise UnknownAdapter(param="adapter")
        if not prompt_ids or len(prompt_ids) + sampling.max_tokens > self.context_length:
            raise PromptTooLong
        sequence = Sequence(prompt_ids, sampling, adapter, self._tokenizer)
        with self._work:
            if not self.healthy():
                raise GenerationFailed(detail="the engine is closed")
            self._waiting.append(sequence)
            self._work.notify()
        try:
            while True:
                outcome = await sequence.outcomes.get()
                if isinstance(outcome, AskError):
                    raise outcome
                yield outcome
                if outcome.finish is not None:
                    return
        finally:
            sequence.cancelled = True

    def stats(self) -> EngineStats:
        """As `Engine.stats`."""
        return EngineStats(len(self._running), len(self._waiting), self.capacity, self._generated)

    def healthy(self) -> bool:
        """As `Engine.healthy`."""
        return self._thread.is_alive() and not self._closing

    def close(self) -> None:
        """As `Engine.close`; waits for the step that runs."""
        with self._work:
            self._closing = True
            self._work.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # ------------------------------------------------------------------ the engine's thread

    def _loop(self) -> None:
        while self._admit():
            for sequence in list(self._running):
                if sequence.cancelled or self._advance(sequence):
                    self._running.remove(sequence)
        for sequence in (*self._running, *self._waiting):
            sequence.fail(GenerationFailed(detail="the engine was closed"))

    def _admit(self) -> bool:
        """Fill the free places; sleep while there is nothing to do. False when the engine is to stop."""
        with self._work:
            while not self._closing and not self._running and not self._waiting:
                self._work.wait()
            while self._waiting and len(self._running) < self.capacity:
                sequence = self._waiting.popleft()
                if not sequence.cancelled:
                    sequence.admit()
                    self._running.append(sequence)
            return not self._closing

    def _advance(self, sequence: Sequence) -> bool:
        """One token for one generation. True when it has ended."""
        try:
            logits = self._forward(sequence)
            self._generated += 1
            return sequence.accept(logits, self._end_ids)
        except (RuntimeError, ValueError, IndexError) as error:  # what torch raises; only this generation fails
            get_logger().exception("engine.generation_failed")
            sequence.fail(GenerationFailed(detail=repr(error)))
            return True

    @torch.inference_mode()
    def _forward(self, sequence: Sequence) -> torch.Tensor:
        self._activate(sequence.adapter)
        ids = torch.tensor([sequence.pending], device=self._device)
        output = self._model(input_ids=ids, past_key_values=sequence.cache, use_cache=True, logits_to_keep=1)
        logits: torch.Tensor = output.logits[0, -1]
        return logits

    def _activate(self, adapter: str | None) -> None:
        if adapter == self._active:
            return
        tuner: Any = self._model.base_model  # peft's LoraModel; only a PeftModel has an adapter to switch
        if adapter is None:
            tuner.disable_adapter_layers()
        else:
            tuner.enable_adapter_layers()
            tuner.set_adapter(adapter)
        self._active = adapter


def _load_base(folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelInvalid("BASE_MODEL cannot be loaded.", detail=repr(error)) from error
    prepared: PreTrainedModel = model.eval()
    return prepared


def _load_adapters(
    base: PreTrainedModel, settings: Settings, names: set[str]
) -> tuple[PreTrainedModel | PeftModel, dict[str, Provenance | None]]:
    folders = adapter_folders(settings)
    model: PreTrainedModel | PeftModel = base
    known = names | {str(getattr(base.config, "_name_or_path", ""))}
    provenances = {name: check_fits(folder, base, known) for name, folder in folders.items()}
    for name, folder in folders.items():
        if isinstance(model, PeftModel):
            model.load_adapter(str(folder), adapter_name=name)
        else:
            model = PeftModel.from_pretrained(base, str(folder), adapter_name=name)
    return model.eval(), provenances


def _end_ids(model: PreTrainedModel, tokenizer: ChatTokenizer) -> frozenset[int]:
    declared = model.generation_config.eos_token_id if model.generation_config else None
    ids = declared if isinstance(declared, list) else [declared]
    return frozenset(token for token in (*ids, tokenizer.end_id) if token is not None)
