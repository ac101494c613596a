"""transformers' `generate`: one request at a time, as the handler did before, and in padded batches."""

import time
from collections.abc import Sequence
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, StoppingCriteria, StoppingCriteriaList
from transformers.utils import logging

from benchmarks.engine.job import Job, Load, Setup, Timing

_BASE = "__base__"
_MOST_ONE_BY_ONE = 64


class _FirstToken(StoppingCriteria):
    """Never stops anything; looks at the clock when it is asked first."""

    def __init__(self) -> None:
        self.at: float | None = None

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:  # noqa: ANN401
        self.at = self.at or time.perf_counter()
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


class OneAtATime:
    """Whoever comes second waits."""

    def __init__(self, setup: Setup) -> None:
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        base: Any = AutoModelForCausalLM.from_pretrained(setup.folder, dtype=getattr(torch, setup.dtype))
        model: Any = base.to(setup.device).eval()
        for place, folder in enumerate(setup.adapters):
            if place == 0:
                model = PeftModel.from_pretrained(model, folder, adapter_name="0")
            else:
                model.load_adapter(folder, adapter_name=str(place))
        self._model = model.eval()
        self._device = setup.device

    def run(self, load: Load) -> list[Timing]:
        """Do every job; what waits for its turn waits for all of it."""
        if self._batch(load) == 1 and len(load.jobs) > _MOST_ONE_BY_ONE:
            raise NotImplementedError("it would take a quarter of an hour")
        began = time.perf_counter()
        timings: list[Timing] = []
        ended: list[float] = []
        for places in range(0, len(load.jobs), self._batch(load)):
            jobs = load.jobs[places : places + self._batch(load)]
            # A job comes when a place is free for it, the first `at_once` at the start; then it waits for its turn.
            came = began if places < load.at_once else ended[places - load.at_once]
            timings += self._generate(jobs, came)
            ended += [time.perf_counter()] * len(jobs)
        return timings

    def _batch(self, load: Load) -> int:
        return 1

    def _generate(self, jobs: Sequence[Job], came: float) -> list[Timing]:
        longest, most = max(len(job.prompt) for job in jobs), max(job.tokens for job in jobs)
        ids = torch.zeros((len(jobs), longest), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, job in enumerate(jobs):
            ids[row, longest - len(job.prompt) :] = torch.tensor(job.prompt)
            mask[row, longest - len(job.prompt) :] = 1
        clock = _FirstToken()
        with torch.inference_mode():
            self._model.generate(
                input_ids=ids.to(self._device), attention_mask=mask.to(self._device), do_sample=False,
                max_new_tokens=most, min_new_tokens=most, stopping_criteria=StoppingCriteriaList([clock]),
                **self._adapters(jobs),
            )  # fmt: skip
        total = time.perf_counter() - came
        first = None if clock.at is None else clock.at - came
        return [Timing(job.tokens, total, first) for job in jobs]

    def _adapters(self, jobs: Sequence[Job]) -> dict[str, list[str]]:
        """Which adapter each row has, as peft wants it told."""
        if not isinstance(self._model, PeftModel):
            return {}
        return {"adapter_names": [_BASE if job.adapter is None else str(job.adapter) for job in jobs]}

    def close(self) -> None:
        """Nothing runs."""


class Padded(OneAtATime):
    """As many at once as come, padded to the longest prompt, each as long as the longest answer."""

    def _batch(self, load: Load) -> int:
        return load.at_once
