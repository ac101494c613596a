"""Puts a step through the model."""

import torch
from transformers import PreTrainedModel

from agent.engine.attention import Attending
from agent.engine.kv_cache import KVCache
from agent.engine.lora import Routing
from agent.engine.step import Step


class Runner:
    """A model with its cache and its adapters.

    Args:
        model: loaded with the attention `agent.engine.attention.NAME`.
        cache: of that model.
        routing: tells its layers which rows are whose adapter's.
    """

    def __init__(self, model: PreTrainedModel, cache: KVCache, routing: Routing) -> None:
        self._model = model
        self._cache = cache
        self._routing = routing

    @torch.inference_mode()
    def run(self, step: Step) -> torch.Tensor:
        """The logits of the rows that are wanted, in order, shape (wanted, vocabulary)."""
        device = self._model.device
        step.slots = step.slots.to(device)
        self._routing.set(step.routes(), len(step.slots))
        if step.behind:
            self._cache.clear(step.behind)
        output = self._model(
            input_ids=step.ids().to(device),
            position_ids=step.positions().to(device),
            use_cache=False,
            logits_to_keep=step.wanted().to(device),
            attending=Attending(self._cache, step),
        )
        logits: torch.Tensor = output.logits[0]
        return logits
