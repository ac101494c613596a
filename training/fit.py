"""Fits a LoRA adapter with transformers' Trainer."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch.utils.data import Dataset
from transformers import (
    EarlyStoppingCallback,
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from training.packing import Group, collate

_TARGETS = "all-linear"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train.

    `batch` groups of examples make a step, `micro_batch` of them go through the model at once; every `evaluate_every`
    steps the loss on `held_out` groups of the held-out articles is measured and a checkpoint written.
    """

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    learning_rate: float = 1e-3
    epochs: float = 1.0
    batch: int = 4
    micro_batch: int = 1
    warm_up: float = 0.05
    steps: int = 0
    evaluate_every: int = 50
    held_out: int = 48
    patience: int = 3
    max_length: int = 1024
    seed: int = 0

    def describe(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is: steps of all, the last loss, and tokens per second so far; `held_out_loss` when just measured."""

    step: int
    steps: int
    loss: float | None
    tokens_per_second: float
    held_out_loss: float | None = None


class Groups(Dataset[Group]):
    """What the Trainer draws from."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = groups

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, index: int) -> Group:
        return self._groups[index]


def fit(
    base: PreTrainedModel,
    train: Sequence[Group],
    held_out: Sequence[Group],
    recipe: Recipe,
    checkpoints: Path,
    progress: Callable[[Progress], None],
    start: Path | None = None,
) -> tuple[PeftModel, dict[str, Any]]:
    """The trained adapter around its base, and what the run came to.

    Starts from the adapter in the folder `start`, whose rank `recipe` has, or from one that changes nothing; goes on
    from the last checkpoint in `checkpoints`. With held-out groups it stops when their loss has not fallen for
    `recipe.patience` evaluations, and returns the best adapter seen.

    Raises:
        torch.OutOfMemoryError, RuntimeError: the machine is too small for `micro_batch`.
    """
    torch.manual_seed(recipe.seed)
    model = _wrap(base, recipe, start)
    meter = _Meter(progress)
    callbacks: list[TrainerCallback] = [meter]
    if held_out:
        callbacks.append(EarlyStoppingCallback(early_stopping_patience=recipe.patience))
    trainer = _CompletionTrainer(
        model=model,
        args=_arguments(base, recipe, checkpoints, bool(held_out)),
        data_collator=collate,
        train_dataset=Groups(train),
        eval_dataset=Groups(held_out) if held_out else None,
        callbacks=callbacks,
    )
    trainer.meter = meter
    trainer.held_out_tokens = sum(one.said for one in held_out) / max(len(held_out), 1)
    trainer.remove_callback(PrinterCallback)  # the meter tells the same, in the command's own words
    last = _last_checkpoint(checkpoints)
    outcome = trainer.train(resume_from_checkpoint=str(last) if last else None)
    state = trainer.state
    summary = {
        "steps": state.global_step,
        "epochs": round(state.epoch or 0.0, 3),
        "loss": round(outcome.training_loss, 4),
        "held_out_loss": None if state.best_metric is None else round(state.best_metric, 4),
        "best_step": state.best_global_step if held_out else state.global_step,
        "tokens_per_second": round(meter.tokens_per_second),
    }
    return model, summary


def _wrap(base: PreTrainedModel, recipe: Recipe, start: Path | None) -> PeftModel:
    if start is None:
        config = LoraConfig(
            r=recipe.rank, lora_alpha=recipe.alpha, lora_dropout=recipe.dropout, target_modules=_TARGETS,
            task_type="CAUSAL_LM",
        )  # fmt: skip
        model: PeftModel = get_peft_model(base, config)
        return model
    config = LoraConfig.from_pretrained(str(start))
    config.lora_dropout = recipe.dropout
    return PeftModel.from_pretrained(base, str(start), is_trainable=True, config=config)


class _CompletionTrainer(Trainer):
    """Loss on the completions' tokens only; the logits of all others are never computed.

    `held_out_tokens` is how many of these tokens a held-out group has on average.
    """

    meter: "_Meter"
    held_out_tokens: float

    def compute_loss(
        self,
        model: Any,  # noqa: ANN401 - as the Trainer declares it
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:  # noqa: ANN401
        labels = inputs["labels"][0, 1:]
        if model.training:
            self.meter.tokens += inputs["input_ids"].numel()
        output = model(
            input_ids=inputs["input_ids"],
            position_ids=inputs["position_ids"],
            attention_mask=inputs["attention_mask"],
            logits_to_keep=inputs["keep"],
            use_cache=False,
        )
        total = torch.nn.functional.cross_entropy(output.logits[0].float(), labels, reduction="sum")
        if model.training:
            # Over all tokens of the step, however they fall into micro batches.
            loss = total / (num_items_in_batch if num_items_in_batch is not None else labels.numel())
        else:
            # The Trainer takes the mean over the groups: so that comes to the mean over all tokens.
            loss = total / self.held_out_tokens
        return (loss, output) if return_outputs else loss


class _Meter(TrainerCallback):
    """Counts tokens and tells how it goes."""

    def __init__(self, progress: Callable[[Progress], None]) -> None:
        self.tokens = 0
        self._progress = progress
        self._started = time.monotonic()

    @property
    def tokens_per_second(self) -> float:
        """Since training began."""
        return self.tokens / max(time.monotonic() - self._started, 1e-9)

    def on_train_begin(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
        self.tokens, self._started = 0, time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ANN401
        if logs and "loss" in logs:
            self._progress(Progress(state.global_step, state.max_steps, logs["loss"], self.tokens_per_second))

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:  # noqa: ANN401
        loss = (metrics or {}).get("eval_loss")
        self._progress(Progress(state.global_step, state.max_steps, None, self.tokens_per_second, loss))


def _arguments(base: PreTrainedModel, recipe: Recipe, checkpoints: Path, has_held_out: bool) -> TrainingArguments:
    on_gpu = base.device.type == "cuda"
    evaluating = {"eval_strategy": "steps", "eval_steps": recipe.evaluate_every, "load_best_model_at_end": True,
                  "metric_for_best_model": "eval_loss", "greater_is_better": False} if has_held_out else {}  # fmt: skip
    return TrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=recipe.epochs,
        max_steps=recipe.steps or -1,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=recipe.warm_up,
        weight_decay=0.0,
        max_grad_norm=1.0,
        per_device_train_batch_size=recipe.micro_batch,
        per_device_eval_batch_size=1,
        gradient_accumulation_steps=max(recipe.batch // recipe.micro_batch, 1),
        remove_unused_columns=False,
        prediction_loss_only=True,
        bf16=base.dtype is torch.bfloat16,
        use_cpu=not on_gpu,
        dataloader_pin_memory=on_gpu,
        logging_steps=1,
        save_strategy="steps",
        save_steps=recipe.evaluate_every,
        save_total_limit=2,
        seed=recipe.seed,
        data_seed=recipe.seed,
        report_to="none",
        disable_tqdm=True,
        **evaluating,  # type: ignore[arg-type]
    )


def _last_checkpoint(folder: Path) -> Path | None:
    found = [path for path in folder.glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return max(found, key=lambda path: int(path.name.rsplit("-", 1)[1]), default=None)
