"""Which device, which number format, and how much of its memory."""

import os
from pathlib import Path

import torch

from agent.engine.options import DeviceChoice, DtypeChoice
from agent.errors import ConfigurationError


def pick_device(choice: DeviceChoice) -> torch.device:
    """CUDA where there is one, unless `choice` says otherwise.

    Raises:
        ConfigurationError: cuda without a CUDA device.
    """
    if choice == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError("DEVICE is cuda, but this machine has no usable CUDA device.")
    return torch.device("cuda" if choice != "cpu" and torch.cuda.is_available() else "cpu")


def pick_dtype(choice: DtypeChoice, device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies it natively, else float32: emulated bfloat16 is many times slower."""
    if choice != "auto":
        return {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}[choice]
    native = torch.cuda.is_bf16_supported() if device.type == "cuda" else _cpu_has_bfloat16()
    return torch.bfloat16 if native else torch.float32


def free_bytes(device: torch.device) -> int:
    """Of the device's memory."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _cpu_has_bfloat16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
