"""Puts a step through the model."""

from collections.abc import Callable, Sequence

import torch
from transformers import PreTrainedModel

from agent.engine.attention import Attending
from agent.engine.kv_cache import KVCache
from agent.engine.lora import Routing
from agent.engine.scores import Scores, score
from agent.engine.step import Span, Step, wanted_rows


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
    def run(self, spans: Sequence[Span], meanwhile: Callable[[], None]) -> Scores:
        """As `agent.engine.loop.RunsSteps.run`."""
        meanwhile()
        step = Step(spans, self._cache.size)
        device = self._model.device
        step.slots = step.slots.to(device)
        self._routing.set(step.routes(), len(step.slots))
        if step.behind:
            self._cache.clear(step.behind)
        output = self._model(
            input_ids=step.ids().to(device),
            position_ids=step.positions().to(device),
            use_cache=False,
            logits_to_keep=wanted_rows(spans).to(device),
            attending=Attending(self._cache, step),
        )
        return score(output.logits[0])
