"""What this machine has."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """Of a machine, what decides whether a model fits.

    Attributes:
        cores: of the CPU.
        memory_bytes: that the kernel could give now, within the limit of the container.
        gpu: its name; None where there is none that torch can use.
        gpu_bytes: of its memory, free now.
        disk_bytes: free where a path lies, or would lie.
        has_bfloat16: where models compute, natively; else they are loaded in float32 unless DTYPE says otherwise.
    """

    cores: int
    memory_bytes: int
    gpu: str | None
    gpu_bytes: int
    disk_bytes: Callable[[Path], int]
    has_bfloat16: bool

    @classmethod
    def here(cls) -> "Machine":
        """This one."""
        import torch  # a second to import

        from agent.engine.device import free_bytes, pick_device, pick_dtype

        has_gpu = torch.cuda.is_available()
        return cls(
            os.cpu_count() or 1,
            free_bytes(torch.device("cpu")),
            torch.cuda.get_device_name() if has_gpu else None,
            free_bytes(torch.device("cuda")) if has_gpu else 0,
            _disk_bytes,
            pick_dtype("auto", pick_device("auto")) is torch.bfloat16,
        )


def nearest(path: Path) -> Path:
    """The path itself, or what of it is there already."""
    return next(place for place in (path, *path.absolute().parents) if place.exists())


def _disk_bytes(path: Path) -> int:
    return shutil.disk_usage(nearest(path)).free
