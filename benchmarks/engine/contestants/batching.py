"""transformers' own continuous batching. It has no adapters per request: one is set for all, or none."""

import time
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, ContinuousBatchingConfig, GenerationConfig
from transformers.utils import logging

from benchmarks.engine.job import Load, Setup, Timing

# Tokens in a page of its cache, where it does not tell.
_PAGE = 256
# Tokens read in one step.
_STEP = 1024


class Batching:
    """Fed as the others are: the next job comes when one is done."""

    def __init__(self, setup: Setup) -> None:
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        base: Any = AutoModelForCausalLM.from_pretrained(
            setup.folder, dtype=getattr(torch, setup.dtype), attn_implementation="sdpa"
        )
        self._model: Any = base.to(setup.device).eval()
        self._device = setup.device
        if setup.adapters:
            self._model = PeftModel.from_pretrained(self._model, setup.adapters[0]).eval()

    def run(self, load: Load) -> list[Timing]:
        """Do every job."""
        adapters = {job.adapter for job in load.jobs}
        if len(adapters) > 1:
            raise NotImplementedError("one adapter for all")
        if isinstance(self._model, PeftModel) and adapters == {None}:
            with self._model.disable_adapter():
                return self._run(load)
        return self._run(load)

    def _run(self, load: Load) -> list[Timing]:
        most = max(job.tokens for job in load.jobs)
        config = GenerationConfig(do_sample=False, eos_token_id=-1, max_new_tokens=most)  # type: ignore[no-untyped-call]
        came: dict[str, tuple[int, float]] = {}
        timings: dict[int, Timing] = {}
        waiting = list(enumerate(load.jobs))
        with self._model.continuous_batching_context_manager(
            generation_config=config, continuous_batching_config=self._cache(load), warmup=False
        ) as manager:
            while len(timings) < len(load.jobs):
                while waiting and len(came) - len(timings) < load.at_once:
                    place, job = waiting.pop(0)
                    name = f"job-{place}"
                    came[name] = (place, time.perf_counter())
                    manager.add_request(job.prompt, request_id=name, max_new_tokens=job.tokens, record_timestamps=True)
                result = manager.get_result(timeout=1)
                if result is None:
                    if not manager.is_running():
                        raise RuntimeError("its thread has ended")
                    continue
                place, began = came[result.request_id]
                if result.error:
                    raise RuntimeError(result.error)
                first = result.timestamps[0] - began if result.timestamps else None
                timings[place] = Timing(len(result.generated_tokens), time.perf_counter() - began, first)
        return [timings[place] for place in range(len(load.jobs))]

    def _cache(self, load: Load) -> ContinuousBatchingConfig:
        """On a GPU as large as the load needs: with its own choice, nearly all of the memory, no step of it came to an
        end within a minute, because without FlashAttention it makes a mask over all of the cache in each.
        """
        config = ContinuousBatchingConfig()
        if self._device != "cpu":
            page: int = getattr(config, "page_size", 0) or config.block_size or _PAGE  # as it is called from 5.17 on
            pages = max(-(-(len(job.prompt) + job.tokens) // page) for job in load.jobs)
            config.num_blocks, config.max_batch_tokens = load.at_once * pages, _STEP
        return config

    def close(self) -> None:
        """Nothing runs."""
