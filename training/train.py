"""python -m training train: a LoRA adapter from examples."""

import argparse
import hashlib
import json
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import peft
import torch
import transformers
from peft import PeftModel
from rich.console import Console
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging as transformers_logging

from agent.answering.prompts.short import template_hash
from agent.engine.adapters import fingerprint
from agent.engine.device import pick_device, pick_dtype
from agent.engine.provenance import Provenance
from agent.engine.tokenizer import ChatTokenizer
from agent.load_errors import LoadError
from agent.model_source import locate
from agent.settings import Settings
from agent.version import VERSION
from training.errors import Refused
from training.example import Example, read_data
from training.fit import Progress, Recipe, fit
from training.packing import Encoded, Group, group
from training.start import read_start

_RUN = "run.json"


def train(words: Sequence[str], settings: Settings, console: Console) -> None:
    """Raises Refused and LoadError."""
    options = _options(words)
    recipe = _recipe(options)
    data = read_data(options.data)
    if data.header.get("prompt") != template_hash():
        raise Refused(f"{options.data.name} was made with another prompt template; build it again.")
    if options.out.exists() and any(options.out.iterdir()):
        raise Refused(f"{options.out} is there already and not empty; name another folder, or remove it.")
    base, tokenizer, name = _load(options.base, settings)
    base_fingerprint = fingerprint(base)
    start = read_start(options.from_adapter, base, name, settings) if options.from_adapter else None
    if start is not None:
        recipe = replace(recipe, rank=start.rank, alpha=start.alpha)
    origin = {"from": start.origin} if start else {}
    # How many groups are in memory at once changes no step, and is what one lowers to go on after running out of it.
    steps = {name: value for name, value in recipe.describe().items() if name != "micro_batch"}
    identity = {"base": base_fingerprint, "data": data.digest, "recipe": steps, **origin}
    checkpoints = options.out.with_name(options.out.name + ".checkpoints")
    _claim(checkpoints, identity, restart=options.restart, console=console)
    train_on = _groups(data.of("train"), tokenizer, recipe, console)
    held_out = _groups(data.of("held_out"), tokenizer, recipe, console)
    # Drawn by the seed: they are in the order of their tokens.
    measure_on = random.Random(recipe.seed).sample(held_out, min(recipe.held_out, len(held_out)))  # noqa: S311
    examples, tokens = sum(len(one.examples) for one in train_on), sum(one.tokens for one in train_on)
    console.print(
        f"{examples:,} examples in {len(train_on):,} groups, {tokens:,} tokens. "
        f"Loss is measured on {len(measure_on)} of {len(held_out)} held-out groups."
    )
    try:
        begin = start.folder if start is not None else None
        model, outcome = fit(base, train_on, measure_on, recipe, checkpoints, _teller(console), begin)
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        raise Refused(
            "Out of memory. Lower --micro-batch (the run goes on from its checkpoint), or --max-length with --restart."
        ) from error
    provenance = Provenance(
        base=name,
        base_fingerprint=base_fingerprint,
        prompt=template_hash(),
        data=data.digest,
        seed=recipe.seed,
        made=datetime.now(UTC).date().isoformat(),
        software={"askpod": VERSION, "torch": torch.__version__, "transformers": transformers.__version__,
                  "peft": peft.__version__},
        training={**recipe.describe(), "examples": examples, "tokens": tokens, **outcome, **origin},
    )  # fmt: skip
    _save(model, provenance, options.out)
    console.print(f"The adapter is in {options.out}; `python -m training evaluate --adapter {options.out}` comes next.")


def _options(words: Sequence[str]) -> argparse.Namespace:
    recipe = Recipe()
    parser = argparse.ArgumentParser(
        prog="python -m training train", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="what build-data wrote")
    parser.add_argument("--base", required=True, help="the base model: a folder, or a Hub id")
    parser.add_argument("--out", type=Path, required=True, help="folder of the adapter; checkpoints go beside it")
    parser.add_argument(
        "--from-adapter", default="", help="train this one further, whose rank stays; a folder, or a Hub id"
    )
    parser.add_argument("--rank", type=int, default=recipe.rank, help="of the adapter; alpha is twice as much")
    parser.add_argument("--dropout", type=float, default=recipe.dropout, help="of the adapter's input")
    parser.add_argument("--learning-rate", type=float, default=recipe.learning_rate, help="the highest, after warm-up")
    parser.add_argument("--epochs", type=float, default=recipe.epochs, help="how often each example is seen")
    parser.add_argument("--steps", type=int, default=recipe.steps, help="stop after so many steps instead")
    parser.add_argument("--batch", type=int, default=recipe.batch, help="groups of examples of a step")
    parser.add_argument("--micro-batch", type=int, default=recipe.micro_batch, help="groups in memory at once")
    parser.add_argument(
        "--max-length", type=int, default=recipe.max_length, help="most tokens of a group; longer examples are left out"
    )
    parser.add_argument(
        "--evaluate-every", type=int, default=recipe.evaluate_every, help="steps between held-out loss and checkpoint"
    )
    parser.add_argument("--held-out", type=int, default=recipe.held_out, help="held-out groups to measure that on")
    parser.add_argument(
        "--patience", type=int, default=recipe.patience, help="evaluations without a gain before the end"
    )
    parser.add_argument("--seed", type=int, default=recipe.seed, help="of every draw")
    parser.add_argument("--restart", action="store_true", help="throw away the checkpoints of another run")
    return parser.parse_args(words)


def _recipe(options: argparse.Namespace) -> Recipe:
    positive = ("rank", "learning_rate", "epochs", "batch", "micro_batch", "max_length", "evaluate_every", "patience")
    for name in positive:
        if getattr(options, name) <= 0:
            raise Refused(f"--{name.replace('_', '-')} must be more than 0.")
    if options.batch % min(options.micro_batch, options.batch):
        raise Refused("--batch must be a multiple of --micro-batch.")
    if options.steps < 0 or options.held_out < 0 or not 0 <= options.dropout < 1:
        raise Refused("--steps and --held-out must be at least 0, --dropout at least 0 and less than 1.")
    return Recipe(
        rank=options.rank, alpha=2 * options.rank, dropout=options.dropout, learning_rate=options.learning_rate,
        epochs=options.epochs, batch=options.batch, micro_batch=min(options.micro_batch, options.batch),
        steps=options.steps, evaluate_every=options.evaluate_every, patience=options.patience,
        held_out=options.held_out,
        max_length=options.max_length, seed=options.seed,
    )  # fmt: skip


def _load(base: str, settings: Settings) -> tuple[PreTrainedModel, ChatTokenizer, str]:
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        folder = locate(base, f"--base {base}", settings)
    except LoadError as error:
        raise Refused(error.message) from error
    device = pick_device(settings.device)
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=pick_dtype(settings.dtype, device), local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise Refused(f"--base {base} cannot be loaded: {type(error).__name__}.") from error
    prepared: PreTrainedModel = model.to(device)
    return prepared, ChatTokenizer(folder), base.rstrip("/").rsplit("/", 1)[-1]


def _claim(folder: Path, identity: dict[str, Any], *, restart: bool, console: Console) -> None:
    """Take the checkpoint folder for this run, or go on in it; the one of another run is refused."""
    run = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    if restart:
        shutil.rmtree(folder, ignore_errors=True)
    if folder.is_dir() and any(folder.iterdir()):
        marker = folder / _RUN
        known = json.loads(marker.read_text(encoding="utf-8")).get("run") if marker.is_file() else None
        if known != run:
            raise Refused(
                f"{folder} has the checkpoints of another run (other data, base model or options). "
                "--restart throws them away."
            )
        console.print(f"Going on from {folder}.")
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _RUN).write_text(json.dumps({"run": run, **identity}, indent=2), encoding="utf-8")


def _groups(examples: Sequence[Example], tokenizer: ChatTokenizer, recipe: Recipe, console: Console) -> list[Group]:
    end = tokenizer.end_id
    if end is None:
        raise Refused("--base has a tokenizer without an end token.")
    encoded = [
        Encoded(tuple(tokenizer.encode_chat(example.messages)), (*tokenizer.encode(example.completion), end))
        for example in examples
    ]
    kept = [example for example in encoded if len(example.ids) <= recipe.max_length]
    if len(kept) < len(encoded):
        console.print(f"{len(encoded) - len(kept)} examples are longer than --max-length and left out.")
    return group(kept, recipe.max_length)


def _save(model: PeftModel, provenance: Provenance, out: Path) -> None:
    """Whole or not at all. Weights go to float16: half the size, and finer than bfloat16 for numbers this small."""
    unfinished = out.with_name(out.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    model.peft_config["default"].base_model_name_or_path = provenance.base
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.to(torch.float16)
    model.save_pretrained(str(unfinished), safe_serialization=True)
    (unfinished / "README.md").unlink(missing_ok=True)  # peft's empty model card; ours comes with the figures
    provenance.write(unfinished)
    if out.exists():
        out.rmdir()
    unfinished.replace(out)


def _teller(console: Console) -> Callable[[Progress], None]:
    def tell(at: Progress) -> None:
        if at.held_out_loss is not None:
            console.print(f"step {at.step}/{at.steps}  held-out loss {at.held_out_loss:.4f}")
        elif at.loss is not None:
            console.print(f"step {at.step}/{at.steps}  loss {at.loss:.4f}  {at.tokens_per_second:.0f} tokens/s")

    return tell


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)
