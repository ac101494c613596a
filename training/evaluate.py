"""python -m training evaluate: base model against adapter, as a table in the adapter's model card."""

import argparse
import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import cast

from rich.console import Console
from rich.progress import Progress

from agent.engine.adapters import WEIGHTS
from agent.engine.provenance import Provenance
from agent.engine.transformers_engine import TransformersEngine
from agent.retrieval.embedder import Embedder
from agent.retrieval.loading import load_embedder
from agent.settings import Settings
from evaluation.bench import build
from evaluation.dataset import Dataset, sample
from evaluation.environment import environment
from evaluation.journal import Journal, JournalRefused
from evaluation.squad_file import load_squad
from evaluation.subject import asked_of, documents_of
from training.calibrate import calibrate
from training.card import write_card
from training.errors import Refused
from training.example import read_data
from training.figures import Figures, Row
from training.measure import Examiner
from training.memo import MemoEngine

_NAME = "adapter"
BASE = "base"
_WORK = Path("build") / "training"
# Held-out examples that the confidence is fitted on; a few weights need no more.
_CALIBRATED_ON = 300


def evaluate(words: Sequence[str], settings: Settings, console: Console) -> None:
    """Raises Refused, InvalidDataset and LoadError."""
    options = _options(words)
    folder: Path = options.adapter
    if not (folder / WEIGHTS).is_file():
        raise Refused(f"{folder} holds no adapter; `python -m training train` makes one.")
    provenance = Provenance.read(folder)
    if provenance is None:
        raise Refused(f"{folder} has no provenance: only adapters of `python -m training train` have a card.")
    datasets = [sample(load_squad(path), options.limit, options.seed) for path in options.qa]
    settings = settings.model_copy(
        update={"base_model": options.base or settings.base_model, "lora_model": f"{_NAME}={folder}",
                "default_adapter": "", "max_generations": 1}
    )  # fmt: skip
    if options.data is not None:
        provenance = _calibrate(options.data, provenance, settings, console)
        provenance.write(folder)
    if not datasets:
        return
    engine = TransformersEngine(settings)
    try:
        embedder = load_embedder(settings)
        figures = {}
        for dataset in datasets:
            rows = _examine(dataset, engine, embedder, settings, provenance, options, console)
            figures[dataset.name] = {who: asdict(Figures.of(some)) for who, some in rows.items()}
        where = environment(embedder=embedder.name)
    finally:
        engine.close()
    provenance = replace(provenance, figures={"sets": figures, "environment": asdict(where)})
    provenance.write(folder)
    write_card(folder, provenance)
    console.print(f"The figures are in {folder / 'README.md'}.")


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training evaluate", description=__doc__)
    parser.add_argument("--adapter", type=Path, required=True, help="folder of the adapter")
    parser.add_argument("--qa", type=Path, nargs="*", default=[], help="SQuAD-format JSON with questions to ask")
    parser.add_argument("--data", type=Path, help="its training data: the held-out examples calibrate its confidence")
    parser.add_argument("--base", help="the base model; BASE_MODEL if left out")
    parser.add_argument("--limit", type=int, help="ask so many questions of each file, drawn by the seed")
    parser.add_argument("--base-limit", type=int, help="ask the base model only so many of these")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--restart", action="store_true", help="begin anew instead of going on where a run ended")
    options = parser.parse_args(words)
    if not options.qa and options.data is None:
        parser.error("nothing to do: give --qa, --data, or both")
    if any(limit is not None and limit < 1 for limit in (options.limit, options.base_limit)):
        parser.error("--limit and --base-limit must be at least 1")
    return options


def _calibrate(data: Path, provenance: Provenance, settings: Settings, console: Console) -> Provenance:
    known = read_data(data)
    if known.digest != provenance.data:
        raise Refused(f"The adapter was not trained on {data.name}: its held-out examples may be what it has learned.")
    held_out = known.of("held_out")
    held_out = random.Random(provenance.seed).sample(held_out, min(len(held_out), _CALIBRATED_ON))  # noqa: S311
    engine = TransformersEngine(settings)
    try:
        with Progress(console=console) as bar:
            task = bar.add_task("Calibrating on held-out examples", total=len(held_out))
            reader = calibrate(engine, _NAME, held_out, settings.max_tokens, lambda: bar.advance(task))
    finally:
        engine.close()
    console.print(f"Calibrated on {len(held_out)} held-out examples: {reader}")
    return replace(provenance, reader=reader)


def _examine(
    dataset: Dataset,
    engine: TransformersEngine,
    embedder: Embedder,
    settings: Settings,
    provenance: Provenance,
    options: argparse.Namespace,
    console: Console,
) -> dict[str, list[Row]]:
    """The rows of the adapter and of the base. What was asked is kept, and a second run goes on."""
    folder = _WORK / dataset.name
    with console.status(f"Embedding the passages of {dataset.name}"):
        build(documents_of(dataset), folder, embedder, settings)
    fingerprint = {
        "dataset": dataset.digest, "adapter": provenance.made, "data": provenance.data, "prompt": provenance.prompt,
        "training": dict(provenance.training), "reader": dict(provenance.reader or {}),
        "settings": [settings.top_k, settings.context_sentences, settings.context_tokens, settings.max_tokens,
                     settings.min_relevance, settings.min_confidence],
    }  # fmt: skip
    path = options.adapter.with_name(options.adapter.name + ".evaluation") / f"{dataset.name}.jsonl"
    asked = {_NAME: asked_of(dataset), BASE: asked_of(sample(dataset, options.base_limit, options.seed))}
    try:
        with Journal(path, fingerprint, restart=options.restart) as journal, Progress(console=console) as bar:
            examiner = Examiner(MemoEngine(engine), embedder, settings, folder)
            for who, questions in asked.items():
                task = bar.add_task(f"{dataset.name}, {who}", total=len(questions))
                for one in questions:
                    if f"{who}:{one.id}" not in journal.results:
                        row = examiner.examine(one, _NAME if who == _NAME else None)
                        journal.add(f"{who}:{one.id}", row)
                    bar.advance(task)
            examiner.close()
            return {
                who: [cast(Row, journal.results[f"{who}:{one.id}"]) for one in questions]
                for who, questions in asked.items()
            }
    except JournalRefused as error:
        raise Refused(str(error)) from error
