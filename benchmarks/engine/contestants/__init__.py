"""Ways to serve a model. Each imports its own libraries only, so that it runs in an environment that has no others."""

import importlib
from typing import Protocol

from benchmarks.engine.job import Load, Setup, Timing


class Contestant(Protocol):
    """Loaded when it is made."""

    def __init__(self, setup: Setup) -> None:
        """Load."""

    def run(self, load: Load) -> list[Timing]:
        """Do every job."""

    def close(self) -> None:
        """Leave nothing running."""


# Where each is: module and class.
CONTESTANTS = {
    "askpod": ("askpod", "Askpod"),
    "askpod, no lookup": ("askpod", "WithoutLookup"),
    "generate": ("generate", "OneAtATime"),
    "generate, padded": ("generate", "Padded"),
    "transformers CB": ("batching", "Batching"),
    "vllm": ("vllm", "Vllm"),
    "llama.cpp": ("llama", "Llama"),
}
# Those that run only where their library is.
OPTIONAL = {"vllm": "vllm", "llama.cpp": "llama_cpp"}


def make(name: str, setup: Setup) -> Contestant:
    """That of this name, loaded."""
    module, known_as = CONTESTANTS[name]
    contestant: type[Contestant] = getattr(importlib.import_module(f"{__name__}.{module}"), known_as)
    return contestant(setup)
