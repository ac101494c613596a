"""llama.cpp on the GGUF that the embedded model comes from, where llama-cpp-python is installed: one at a time."""

import os
import time
from typing import Any

from benchmarks.engine.job import Load, Setup, Timing


class Llama:
    """Q4_1 weights: less to read from memory than the others' have."""

    def __init__(self, setup: Setup) -> None:
        if not setup.gguf or setup.adapters:
            raise NotImplementedError("base model only, and with --gguf")
        from llama_cpp import Llama as Model

        threads = os.cpu_count() or 1
        self._model: Any = Model(
            setup.gguf, n_ctx=2048, n_threads=threads, n_threads_batch=threads, verbose=False, logits_all=False
        )

    def run(self, load: Load) -> list[Timing]:
        """Do every job; it has no batches here."""
        if load.at_once > 1:
            raise NotImplementedError("one at a time")
        timings = []
        for job in load.jobs:
            if not load.cached:
                self._model.reset()
            began, first, count = time.perf_counter(), 0.0, 0
            for _token in self._model.generate(job.prompt, temp=0.0, reset=not load.cached):
                count += 1
                first = first or time.perf_counter() - began
                if count == job.tokens:
                    break
            timings.append(Timing(count, time.perf_counter() - began, first))
        return timings

    def close(self) -> None:
        """Nothing runs."""
