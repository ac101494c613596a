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
from agent.errors import AdapterMismatch

# With several adapters, up to so many rows are multiplied with all of them at once: a step of a CPU.
_FEW_ROWS = 512


class Routing:
    """Which rows of the pass an adapter applies to."""

    def __init__(self) -> None:
        self.routes: Sequence[tuple[str, Run]] = ()
        self._rows = 0
        self._masks: dict[tuple[tuple[str, Run], ...], torch.Tensor] = {}

    def set(self, routes: Sequence[tuple[str, Run]], rows: int) -> None:
        """Those of the next pass, which has so many rows."""
        self.routes, self._rows = routes, rows
        self._masks.clear()

    @property
    def mixed(self) -> bool:
        """There are few rows for several adapters: what counts is how many operations that takes."""
        return len(self.routes) > 1 and self._rows <= _FEW_ROWS

    def mask(self, places: tuple[tuple[str, Run], ...], like: torch.Tensor) -> torch.Tensor:
        """True where a row has the adapter that has a place there, shape (rows, places)."""
        if places not in self._masks:
            mask = torch.zeros(self._rows, places[-1][1][1], dtype=torch.bool, device=like.device)
            where = dict(places)
            for adapter, (start, end) in self.routes:
                if adapter in where:
                    mask[start:end, slice(*where[adapter])] = True
            self._masks[places] = mask
        return self._masks[places]


@dataclass(frozen=True, slots=True)
class Stack:
    """All adapters of a layer beside each other: `down` of shape (in, ranks), `up` (ranks, out), and whose ranks are
    where.
    """

    down: torch.Tensor
    up: torch.Tensor
    places: tuple[tuple[str, Run], ...]


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
        self._stack = None

    def remove(self, adapter: str) -> None:
        """Free an adapter's weights."""
        if self._pairs.pop(adapter, None) is not None:
            self._stack = None

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """`rows` has shape (1, rows, in), the result (1, rows, out)."""
        made: torch.Tensor = self.base(rows)
        if self.routing.mixed and self._pairs:
            # Two operations for all of them; the zeros in these cost more than they save once there are many rows.
            stack = self._stack = self._stack or _stacked(self._pairs)
            # Put to zero, not multiplied by it: what is too large in one adapter must not reach the rows of another.
            inner = torch.where(self.routing.mask(stack.places, rows), rows[0] @ stack.down, 0)
            made[0].addmm_(inner, stack.up)
            return made
        for adapter, (start, end) in self.routing.routes:
            pair = self._pairs.get(adapter)
            if pair is not None:
                made[0, start:end].addmm_(rows[0, start:end] @ pair[0], pair[1])
        return made


def _stacked(pairs: Mapping[str, tuple[torch.Tensor, torch.Tensor]]) -> Stack:
    places: list[tuple[str, Run]] = []
    for adapter, (down, _up) in pairs.items():
        first = places[-1][1][1] if places else 0
        places.append((adapter, (first, first + down.shape[1])))
    downs, ups = zip(*pairs.values(), strict=True)
    return Stack(torch.cat(downs, 1), torch.cat(ups), tuple(places))


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
            AdapterMismatch: it is of a kind that adds more than A and B to linear layers, or changes the output layer,
                or has weights that are no finite numbers.
        """
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        _check_plain(config, folder.name)
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


def _check_plain(config: Mapping[str, Any], name: str) -> None:
    """Refuse what adds something else than A and B, which would be left out unseen."""
    extras = [what for what in ("use_dora", "modules_to_save", "lora_bias", "fan_in_fan_out") if config.get(what)]
    if config.get("bias", "none") != "none":
        extras.append("bias")
    if extras:
        raise AdapterMismatch("An adapter is of a kind that this engine cannot run.", detail=f"{name}: {extras}")


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
