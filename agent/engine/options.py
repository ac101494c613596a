"""What an engine is told when it is made."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

ADAPTER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
DeviceChoice = Literal["auto", "cpu", "cuda"]
DtypeChoice = Literal["auto", "bfloat16", "float16", "float32"]


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Everything but the model folder has a default.

    Attributes:
        folder: of the base model.
        name: what the base model is called; empty is the folder's name.
        adapters: name and folder of each adapter that is loaded at the start.
        default_adapter: that of a request that names none; None is the base model.
        adapter_folder: whose subfolders can be asked for as adapters, and are loaded then; None for none.
        most_adapters: so many are in memory at once, the longest unused leaves for another.
        device: auto is CUDA where there is one.
        dtype: auto is bfloat16 where the hardware multiplies it natively, else float32.
        threads: of torch on a CPU; 0 leaves it to torch.
        most_running: generations at once; 0 is 16 on a CPU and 128 on CUDA.
        cache_mib: memory of the KV cache; 0 is what the generations need, within the free memory.
        step_tokens: most tokens of a step; 0 is 512 on a CPU and 4096 on CUDA.
        drafts: check guesses from the prompt along (`agent.engine.drafter`).
        hung_s: a step that takes longer means that the device hangs.
        tensor_parallel: GPUs that share the model, with vLLM.
    """

    folder: Path
    name: str = ""
    adapters: Mapping[str, Path] = field(default_factory=dict)
    default_adapter: str | None = None
    adapter_folder: Path | None = None
    most_adapters: int = 8
    device: DeviceChoice = "auto"
    dtype: DtypeChoice = "auto"
    threads: int = 0
    most_running: int = 0
    cache_mib: int = 0
    step_tokens: int = 0
    drafts: bool = True
    hung_s: float = 60.0
    tensor_parallel: int = 1
