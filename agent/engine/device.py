"""Which device, which number format, and how much of its memory."""

import os
from pathlib import Path

import torch

from agent.engine.options import DeviceChoice, DtypeChoice
from agent.load_errors import ConfigurationError

# Generations at once, where nothing says so.
MOST_RUNNING = {"cpu": 16, "cuda": 128}


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
    """Of the device's memory; on a CPU what the kernel could give, within the limit of the container."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return min(_available_bytes(), *_left_in_cgroup())


def _available_bytes() -> int:
    """With what the page cache would give back, which `SC_AVPHYS_PAGES` leaves out."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):  # not Linux
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _left_in_cgroup() -> list[int]:
    """What a control group lets this process take, version 2 and 1 (Linux, Documentation/admin-guide/cgroup-v2)."""
    left = []
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        try:
            left.append(max(0, int(Path(limit).read_text()) - int(Path(used).read_text())))
        except (OSError, ValueError):  # there is none, or it says "max"
            continue
    return left


def _cpu_has_bfloat16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
