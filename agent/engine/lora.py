"""LoRA adapters of any mixture of sequences in one pass.

Each linear layer of the base model that an adapter changes is put into a layer of ours, which adds to each row what
that row's adapter says (Hu et al. 2021: x A' B' scaled by alpha / rank). Which rows are whose is told once a pass.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn
from transformers import PreTrainedModel

from agent.engine.adapters import CONFIG, KEY, WEIGHTS
from agent.engine.step import Run
from agent.load_errors import AdapterMismatch

# On a CPU, up to so many rows of several adapters are multiplied with all of them at once.
_FEW_ROWS = 512


class Routing:
    """Which adapter applies to which row of the pass."""

    def __init__(self) -> None:
        self.routes: Sequence[tuple[str, Run]] = ()
        self.version = 0
        self._numbers: dict[str, int] = {}
        self._rows = 0
        self._each: torch.Tensor | None = None
        self._masks: dict[tuple[int, ...], torch.Tensor] = {}

    def set(self, routes: Sequence[tuple[str, Run]], rows: int) -> None:
        """The rows that an adapter applies to in the next pass, which has so many rows."""
        self.routes, self._rows, self._each = routes, rows, None
        self._masks.clear()

    def set_each(self, numbers: torch.Tensor | None) -> None:
        """The adapter of each row of the next pass by its number, -1 for none, shape (rows,); or that there are none.

        What they are need not be known yet: a pass can be recorded, and repeated with others.
        """
        self.routes, self._each = (), numbers
        self._masks.clear()

    def number(self, adapter: str) -> int:
        """What an adapter is told by in a tensor."""
        return self._numbers.setdefault(adapter, len(self._numbers))

    @property
    def stacked(self) -> bool:
        """All rows go through all adapters at once: what counts is how many operations that takes."""
        return self._each is not None or (len(self.routes) > 1 and self._rows <= _FEW_ROWS)

    def mask(self, stack: "Stack") -> torch.Tensor:
        """True where a row has the adapter that a rank of the stack is of, shape (rows, ranks)."""
        if stack.known_as not in self._masks:
            if self._each is None:
                self._each = torch.full((self._rows,), -1)
                for adapter, (start, end) in self.routes:
                    self._each[start:end] = self.number(adapter)
                self._each = self._each.to(stack.owners.device)
            self._masks[stack.known_as] = self._each[:, None] == stack.owners
        return self._masks[stack.known_as]


@dataclass(frozen=True, slots=True)
class Stack:
    """All adapters of a layer beside each other.

    Attributes:
        down: shape (in, ranks).
        up: shape (ranks, out).
        owners: the number of each rank's adapter, shape (ranks,).
        known_as: the same numbers; layers whose stacks have the same ones share their masks.
    """

    down: torch.Tensor
    up: torch.Tensor
    owners: torch.Tensor
    known_as: tuple[int, ...]


class LoraLinear(nn.Module):
    """A linear layer with what adapters add to it."""

    def __init__(self, base: nn.Module, routing: Routing) -> None:
        super().__init__()
        self.base = base
        self.routing = routing
        self._pairs: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        self._stack: Stack | None = None

    @property
    def weight(self) -> torch.Tensor:
        """That of the layer itself."""
        return self.base.weight  # type: ignore[return-value]

    @property
    def adapters(self) -> tuple[str, ...]:
        """Those whose weights it has."""
        return tuple(self._pairs)

    def add(self, adapter: str, down: torch.Tensor, up: torch.Tensor) -> None:
        """`down` is A', shape (in, rank), and `up` B', shape (rank, out), with the scale in it."""
        self._pairs[adapter] = (down, up)
        self._restack()

    def remove(self, adapter: str) -> None:
        """Free an adapter's weights."""
        if self._pairs.pop(adapter, None) is not None:
            self._restack()

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """`rows` has shape (1, rows, in), the result (1, rows, out)."""
        made: torch.Tensor = self.base(rows)
        if self.routing.stacked and self._stack is not None:
            # Two operations for all of them; the zeros in these cost more than they save once there are many rows.
            # Put to zero, not multiplied by it: what is too large in one adapter must not reach the rows of another.
            inner = torch.where(self.routing.mask(self._stack), rows[0] @ self._stack.down, 0)
            made[0].addmm_(inner, self._stack.up)
            return made
        for adapter, (start, end) in self.routing.routes:
            pair = self._pairs.get(adapter)
            if pair is not None:
                made[0, start:end].addmm_(rows[0, start:end] @ pair[0], pair[1])
        return made

    def _restack(self) -> None:
        """Each adapter is a part of the stack: nothing is held twice."""
        self.routing.version += 1
        if not self._pairs:
            self._stack = None
            return
        downs, ups = zip(*self._pairs.values(), strict=True)
        known_as = tuple(self.routing.number(name) for name, (_, up) in self._pairs.items() for _ in up)
        down, up = torch.cat(downs, 1), torch.cat(ups)
        self._stack = Stack(down, up, torch.tensor(known_as, device=up.device), known_as)
        ranks = [len(one) for one in ups]
        parts = zip(torch.split(down, ranks, 1), torch.split(up, ranks), strict=True)
        self._pairs = dict(zip(self._pairs, parts, strict=True))


class Adapters:
    """The adapters of a base model, which it changes so that they can apply.

    Args:
        base: the model; its linear layers are replaced as adapters need it.
    """

    def __init__(self, base: nn.Module) -> None:
        self._base = base
        self._layers: dict[str, LoraLinear] = {}
        self._head = base.get_output_embeddings() if isinstance(base, PreTrainedModel) else None  # type: ignore[no-untyped-call]
        self.routing = Routing()

    def load(self, name: str, folder: Path) -> None:
        """Read the weights of an adapter that fits (`agent.engine.adapters.check_fits`).

        Raises:
            AdapterMismatch: it changes the output layer, or has weights that are no finite numbers.
        """
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        halves: dict[str, dict[str, torch.Tensor]] = {}
        for key, weight in load_file(folder / WEIGHTS).items():
            match = KEY.fullmatch(key)
            if match is None:
                raise AdapterMismatch("An adapter has weights that are no LoRA.", detail=f"{folder.name}: {key}")
            halves.setdefault(match["module"], {})[match["side"]] = weight
        for module, sides in halves.items():
            if self._base.get_submodule(module) is self._head:
                # It sees only the rows whose logits are wanted, so rows cannot be told apart by their place there.
                raise AdapterMismatch("An adapter changes the output layer.", detail=f"{folder.name}: {module}")
            if len(sides) != 2:
                raise AdapterMismatch("An adapter has half a LoRA.", detail=f"{folder.name}: {module}")
            layer = self._layer(module)
            like = next(layer.base.parameters())
            scale = _scale(config, module)
            down = sides["A"].to(like.device, like.dtype).T.contiguous()
            up = (sides["B"].float() * scale).to(like.device, like.dtype).T.contiguous()
            if not (down.isfinite().all() and up.isfinite().all()):
                raise AdapterMismatch("An adapter has weights that are no numbers.", detail=f"{folder.name}: {module}")
            layer.add(name, down, up)

    def unload(self, name: str) -> None:
        """Free the weights of an adapter."""
        for layer in self._layers.values():
            layer.remove(name)

    def _layer(self, module: str) -> LoraLinear:
        known = self._layers.get(module)
        if known is None:
            parent, _, child = module.rpartition(".")
            owner = self._base.get_submodule(parent)
            known = self._layers[module] = LoraLinear(self._base.get_submodule(module), self.routing)
            setattr(owner, child, known)
        return known


def _scale(config: Mapping[str, Any], module: str) -> float:
    """alpha / rank, or alpha / sqrt(rank) for rank-stabilised adapters; both may differ from layer to layer."""
    rank = _of(config.get("rank_pattern"), module, config["r"])
    alpha = _of(config.get("alpha_pattern"), module, config["lora_alpha"])
    return float(alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank)


def _of(pattern: Mapping[str, Any] | None, module: str, default: float) -> float:
    """A pattern's keys are regular expressions for the end of a module's name, as peft takes them."""
    for ending, value in (pattern or {}).items():
        if re.fullmatch(rf"(.*\.)?({ending})", module):
            return float(value)
    return float(default)
