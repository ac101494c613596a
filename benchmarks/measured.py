"""Where, when and how something was measured: figures without that are none."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from evaluation.machine import command_line, processor


@dataclass(frozen=True, slots=True)
class Measured:
    """The machine, the day and the command."""

    machine: str
    date: str
    command: str

    @classmethod
    def now(cls, words: Sequence[str], machine: str = "") -> Self:
        """Here and today, by `python -m benchmarks` with these words; on this machine's processor unless another is
        named.
        """
        here = f"{processor() or 'a CPU'}, {os.cpu_count()} cores"
        return cls(machine or here, f"{datetime.now(UTC):%Y-%m-%d}", f"python -m benchmarks {command_line(words)}")

    def __str__(self) -> str:
        return f"{self.machine}  ·  {self.date}  ·  {self.command}"
