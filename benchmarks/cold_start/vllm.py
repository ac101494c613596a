"""vLLM's engine alone, without retrieval, up to its first words; runs where vLLM is installed."""

import os
import sys

from benchmarks.cold_start.steps import ANSWERED, IMPORTS, MODEL, QUESTION, READY, tell


def main(folder: str) -> None:
    """Load, and answer."""
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", f"0-{(os.cpu_count() or 1) - 1}")
    from vllm import LLM, SamplingParams

    tell(IMPORTS)
    engine = LLM(model=folder, dtype="bfloat16", max_model_len=2048, max_num_seqs=16)
    tell(MODEL)
    tell(READY)
    output = engine.chat([{"role": "user", "content": QUESTION}], SamplingParams(temperature=0, max_tokens=32))
    tell(ANSWERED, answer=output[0].outputs[0].text)


if __name__ == "__main__":
    main(sys.argv[1])
