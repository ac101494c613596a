"""Puts a step through a model on a GPU: steps of generations only are recorded once and repeated (CUDA graphs).

Such a step has few rows and hundreds of small operations; launching them one by one takes ten times as long as they do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from agent.engine.cuda.flash import Sequences
from agent.engine.cuda.whole_cache import WholeCache
from agent.engine.lora import Routing
from agent.engine.scores import Scores, likeliest
from agent.engine.step import Span, wanted_rows

# Of a recorded step; smaller ones are filled up to the next power of two.
MOST_ROWS = 256
_INPUTS = 6
# What a graph is for: how many rows, and whether with adapters.
Shape = tuple[int, bool]


@dataclass(frozen=True, slots=True)
class _Recorded:
    graph: torch.cuda.CUDAGraph
    logits: torch.Tensor
    found: torch.Tensor


class GraphRunner:
    """A model with its cache and its adapters; as `Runner`, for spans whose sequences are whole.

    Args:
        model: loaded with the attention `agent.engine.cuda.flash.NAME`.
        cache: of that model.
        routing: tells its layers which rows are whose adapter's.
        most_tokens: of a sequence.
    """

    def __init__(self, model: PreTrainedModel, cache: WholeCache, routing: Routing, most_tokens: int) -> None:
        self._model = model
        self._cache = cache
        self._routing = routing
        self._most_tokens = most_tokens
        # Inputs of recorded steps: ids, positions, slots, adapters, and where sequences are among rows and slots.
        self._inputs = torch.zeros(_INPUTS * 2 * MOST_ROWS, dtype=torch.long, device=model.device)
        self._recorded: dict[Shape, _Recorded] = {}
        self._adapters = routing.version
        self._pool = torch.cuda.graph_pool_handle()

    @torch.inference_mode()
    def warm_up(self, step_tokens: int, *, adapted: bool) -> None:
        """Record every step of generations that there can be, and let a prompt through.

        Args:
            step_tokens: as many rows as that has.
            adapted: with adapters as well.
        """
        for rows in {step_tokens, min(step_tokens, 2 * MOST_ROWS)}:
            self._read_nothing(rows)
        for with_adapters in (False, True) if adapted else (False,):
            for power in range(MOST_ROWS.bit_length()):
                self._recording((1 << power, with_adapters))

    def _read_nothing(self, rows: int) -> None:
        """A pass of a prompt of which nothing is kept."""
        inputs = self._inputs_for([], rows)
        inputs[4:, :2] = torch.tensor([[0, rows], [0, min(rows, self._cache.spare)]])
        last = torch.tensor([rows - 1], device=self._model.device)
        self._pass(inputs.to(self._model.device), rows, 1, adapted=False, most_rows=rows, wanted=last)

    @torch.inference_mode()
    def run(self, spans: Sequence[Span], meanwhile: Callable[[], None]) -> Scores:
        """As `agent.engine.loop.RunsSteps.run`."""
        self._cache.copy([pair for span in spans for pair in span.copies])
        rows = sum(len(span.tokens) for span in spans)
        adapted = any(span.adapter for span in spans)
        if rows <= MOST_ROWS and all(span.wanted == len(span.tokens) for span in spans):
            shape = 1 << (rows - 1).bit_length(), adapted
            recorded = self._recording(shape)
            self._inputs_of(shape).copy_(self._inputs_for(_alone(spans), shape[0]))
            recorded.graph.replay()
            logits, found = recorded.logits, recorded.found
        else:
            device, most_rows = self._model.device, max(len(span.tokens) for span in spans)
            inputs, wanted = self._inputs_for(spans, rows).to(device), wanted_rows(spans).to(device)
            logits, found = self._pass(inputs, rows, len(spans), adapted=adapted, most_rows=most_rows, wanted=wanted)
        meanwhile()
        tokens, logprobs = found.tolist()
        return Scores(logits, list(map(int, tokens)), logprobs)

    def _inputs_of(self, shape: Shape) -> torch.Tensor:
        width = 2 * shape[0]
        return self._inputs[: _INPUTS * width].view(_INPUTS, width)

    def _recording(self, shape: Shape) -> _Recorded:
        if self._adapters != self._routing.version:
            # They have been recorded with the weights of adapters that are elsewhere now.
            self._recorded = {known: one for known, one in self._recorded.items() if not known[1]}
            self._adapters = self._routing.version
        if shape not in self._recorded:
            self._recorded[shape] = self._record(shape)
        return self._recorded[shape]

    def _record(self, shape: Shape) -> _Recorded:
        rows, adapted = shape
        inputs = self._inputs_of(shape)
        inputs.copy_(self._inputs_for([], rows))

        def once() -> tuple[torch.Tensor, torch.Tensor]:
            return self._pass(inputs, rows, rows, adapted=adapted, most_rows=1)

        once()  # libraries set themselves up at the first call, which must not be recorded
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the device meanwhile: the embedder's.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            logits, found = once()
        return _Recorded(graph, logits, found)

    def _pass(
        self, inputs: torch.Tensor, rows: int, sequences: int, *,
        adapted: bool, most_rows: int, wanted: torch.Tensor | int = 0,
    ) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
        """Logits of the wanted rows, 0 for all; their likeliest tokens and how likely these are, shape (2, rows)."""
        ids, positions, slots, adapters = inputs[:4, :rows]
        among_rows, among_slots = inputs[4:, : 2 * sequences].int()
        self._routing.set_each(adapters if adapted else None)
        where = Sequences(self._cache, slots, among_rows, among_slots, most_rows, self._most_tokens)
        output = self._model(
            input_ids=ids[None], position_ids=positions[None], use_cache=False, logits_to_keep=wanted, attending=where
        )
        logits: torch.Tensor = output.logits[0]
        tokens, logprobs = likeliest(logits)
        return logits, torch.stack((tokens.double(), logprobs.double()))

    def _inputs_for(self, spans: Sequence[Span], rows: int) -> torch.Tensor:
        """Those of a pass with so many rows, on the CPU; those that are too many are sequences that do nothing."""
        spare = self._cache.spare
        ids: list[int] = []
        positions: list[int] = []
        slots: list[int] = []
        adapters: list[int] = []
        among_rows: list[int] = []
        among_slots: list[int] = []
        for span in spans:
            first = span.blocks[0] * self._cache.size
            adapter = -1 if span.adapter is None else self._routing.number(span.adapter)
            among_rows += (len(ids), len(ids) + len(span.tokens))
            among_slots += (first, first + span.end)
            ids += span.tokens
            positions += range(span.start, span.end)
            slots += range(first + span.start, first + span.end)
            adapters += [adapter] * len(span.tokens)
        for _ in range(len(ids), rows):
            among_rows += (len(ids), len(ids) + 1)
            among_slots += (spare, spare + 1)
            ids.append(0)
            positions.append(0)
            slots.append(spare)
            adapters.append(-1)
        lists = (ids, positions, slots, adapters, among_rows, among_slots)
        width = max(map(len, lists))
        return torch.tensor([one + [0] * (width - len(one)) for one in lists])


def _alone(spans: Sequence[Span]) -> list[Span]:
    """Each row as a sequence of its own, which ends with it."""
    return [
        Span([token], at, span.blocks, span.adapter, 1)
        for span in spans for at, token in enumerate(span.tokens, start=span.start)
    ]  # fmt: skip
