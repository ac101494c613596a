"""Which device, which number format, and how many answers fit at once."""

import os
from pathlib import Path

import torch

from agent.errors import ConfigurationError
from agent.settings import Settings

# Answers share what is free with the embedder, the index and the rest of the process.
_SHARE_OF_FREE_MEMORY = 0.5
_MOST_GENERATIONS = 64


def pick_device(settings: Settings) -> torch.device:
    """CUDA where there is one, unless DEVICE says otherwise.

    Raises:
        ConfigurationError: DEVICE=cuda without a CUDA device.
    """
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError("DEVICE is cuda, but this machine has no usable CUDA device.")
    return torch.device("cuda" if settings.device != "cpu" and torch.cuda.is_available() else "cpu")


def pick_dtype(settings: Settings, device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies it natively, else float32: emulated bfloat16 is many times slower."""
    if settings.dtype != "auto":
        return {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}[settings.dtype]
    native = torch.cuda.is_bf16_supported() if device.type == "cuda" else _cpu_has_bfloat16()
    return torch.bfloat16 if native else torch.float32


def _cpu_has_bfloat16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def pick_capacity(settings: Settings, device: torch.device, bytes_per_generation: int) -> int:
    """How many answers may be generated at once: the setting, or what half of the free memory holds.

    On a CPU at most one a core, because they share the cores and each would only get slower.
    """
    if settings.max_generations:
        return settings.max_generations
    fits = int(_free_bytes(device) * _SHARE_OF_FREE_MEMORY) // max(bytes_per_generation, 1)
    most = _MOST_GENERATIONS if device.type == "cuda" else os.cpu_count() or 1
    return max(1, min(fits, most))


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
