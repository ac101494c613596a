"""Puts a step through a model on a GPU: steps of generations only are recorded once and repeated (CUDA graphs).

Such a step has few rows and hundreds of small operations; launching them one by one takes ten times as long as they do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from agent.engine.flash import Sequences
from agent.engine.kv_cache import head_shape
from agent.engine.lora import Routing
from agent.engine.scores import Scores, likeliest
from agent.engine.step import Span, wanted_rows
from agent.engine.whole_cache import SPARE, WholeCache

# Of a recorded step; smaller ones are filled up to the next power of two.
MOST_ROWS = SPARE
# More of one sequence than a token with its guesses are a prompt.
_MOST_ROWS_EACH = 16
_INPUTS = 6
# What a graph is for: rows, one row of each sequence, with adapters.
Shape = tuple[int, bool, bool]


@dataclass(frozen=True, slots=True)
class _Recorded:
    graph: torch.cuda.CUDAGraph
    logits: torch.Tensor
    found: torch.Tensor


class GraphRunner:
    """A model with its cache and its adapters; as `Runner`, for spans whose sequences are whole and in order.

    Args:
        model: loaded with the attention `agent.engine.flash.NAME`.
        cache: of that model.
        routing: tells its layers which rows are whose adapter's.
        most_running: sequences of a step at most.
        most_tokens: of a sequence.
    """

    def __init__(
        self, model: PreTrainedModel, cache: WholeCache, routing: Routing, most_running: int, most_tokens: int
    ) -> None:
        self._model = model
        self._cache = cache
        self._routing = routing
        self._most_running = most_running
        self._most_tokens = most_tokens
        key_heads, _ = head_shape(model.config)
        self._sharing = int(model.config.num_attention_heads) // key_heads
        # A row alone is told as several: what it sees then cannot be a window that slides.
        self._single_rows = getattr(model.config, "sliding_window", None) is None
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
        sizes = [1 << power for power in range(MOST_ROWS.bit_length())]
        for with_adapters in (False, True) if adapted else (False,):
            for rows in sizes:
                self._recording((rows, False, with_adapters))
                if self._single_rows and rows < 2 * self._most_running:
                    self._recording((rows, True, with_adapters))

    def _read_nothing(self, rows: int) -> None:
        """A pass of a prompt of which nothing is kept."""
        inputs = self._filled_up([], rows, 1, single=False)
        inputs[4:, :2] = torch.tensor([[0, rows], [0, min(rows, self._cache.spare)]])
        last = torch.tensor([rows - 1], device=self._model.device)
        self._pass(
            inputs.to(self._model.device), rows, 1, single=False, adapted=False, most_rows=rows, wanted=last
        )  # fmt: skip

    @torch.inference_mode()
    def run(self, spans: Sequence[Span], meanwhile: Callable[[], None]) -> Scores:
        """As `agent.engine.loop.RunsSteps.run`."""
        self._cache.copy([pair for span in spans for pair in span.copies])
        rows = sum(len(span.tokens) for span in spans)
        shape = self._shape(spans, rows)
        if shape is not None:
            recorded, inputs = self._recording(shape), self._inputs_of(shape)
            inputs.copy_(self._filled_up(spans, shape[0], self._sequences(shape), single=shape[1]))
            recorded.graph.replay()
            logits, found = recorded.logits, recorded.found
        else:
            inputs = self._filled_up(spans, rows, len(spans), single=False).to(self._model.device)
            logits, found = self._pass(
                inputs, rows, len(spans), single=False, adapted=any(span.adapter for span in spans),
                most_rows=max(len(span.tokens) for span in spans), wanted=wanted_rows(spans).to(self._model.device),
            )  # fmt: skip
        meanwhile()
        tokens, logprobs = found.tolist()
        return Scores(logits, list(map(int, tokens)), logprobs)

    def _shape(self, spans: Sequence[Span], rows: int) -> Shape | None:
        """That of the recorded step which can do it; None where it has prompts."""
        if rows > MOST_ROWS or any(span.wanted < len(span.tokens) or span.wanted > _MOST_ROWS_EACH for span in spans):
            return None
        single = self._single_rows and rows == len(spans)
        return 1 << (rows - 1).bit_length(), single, any(span.adapter for span in spans)

    def _sequences(self, shape: Shape) -> int:
        rows, single, _ = shape
        return rows if single else min(rows, self._most_running)

    def _inputs_of(self, shape: Shape) -> torch.Tensor:
        width = max(shape[0], 2 * self._sequences(shape))
        return self._inputs[: _INPUTS * width].view(_INPUTS, width)

    def _recording(self, shape: Shape) -> _Recorded:
        if self._adapters != self._routing.version:
            # They have been recorded with the weights of adapters that are elsewhere now.
            self._recorded = {known: one for known, one in self._recorded.items() if not known[2]}
            self._adapters = self._routing.version
        if shape not in self._recorded:
            self._recorded[shape] = self._record(shape)
        return self._recorded[shape]

    def _record(self, shape: Shape) -> _Recorded:
        rows, single, adapted = shape
        inputs, sequences = self._inputs_of(shape), self._sequences(shape)
        inputs.copy_(self._filled_up([], rows, sequences, single=single))

        def once() -> tuple[torch.Tensor, torch.Tensor]:
            return self._pass(inputs, rows, sequences, single=single, adapted=adapted, most_rows=_MOST_ROWS_EACH)

        once()  # libraries set themselves up at the first call, which must not be recorded
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the device meanwhile: the embedder's.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            logits, found = once()
        return _Recorded(graph, logits, found)

    def _pass(
        self, inputs: torch.Tensor, rows: int, sequences: int, *,
        single: bool, adapted: bool, most_rows: int, wanted: torch.Tensor | int = 0,
    ) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
        """Logits of the wanted rows, 0 for all; their likeliest tokens and how likely these are, shape (2, rows)."""
        ids, positions, slots, adapters = inputs[:4, :rows]
        among_rows, among_slots = inputs[4:, : 2 * sequences].int()
        self._routing.set_each(adapters if adapted else None)
        output = self._model(
            input_ids=ids[None],
            position_ids=positions[None],
            use_cache=False,
            logits_to_keep=wanted,
            attending=Sequences(
                self._cache, slots, among_rows, among_slots, max(2, most_rows), self._most_tokens, single
            ),
        )
        logits: torch.Tensor = output.logits[0]
        tokens, logprobs = likeliest(logits)
        return logits, torch.stack((tokens.double(), logprobs.double()))

    def _filled_up(self, spans: Sequence[Span], rows: int, sequences: int, *, single: bool) -> torch.Tensor:
        """The inputs of a pass with so many rows and sequences, on the CPU; those that are too many do nothing."""
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
        missing, absent = rows - len(ids), sequences - len(spans)
        among_rows = (
            [end * self._sharing for row in range(rows) for end in (row, row + 1)]
            if single
            else among_rows + [len(ids)] * (2 * absent)
        )
        among_slots += [spare + (number + end) * single for number in range(absent) for end in (0, 1)]
        lists = (
            ids + [0] * missing, positions + [0] * missing, slots + [spare] * missing, adapters + [-1] * missing,
            among_rows, among_slots,
        )  # fmt: skip
        width = max(rows, 2 * sequences)
        return torch.tensor([one + [0] * (width - len(one)) for one in lists])
