"""python -m evaluation calibrate: gathers examples and fits the weights of one embedding model."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import Progress as Bar

from agent.answering.calibration import ANY_EMBEDDER, FILE_NAME
from agent.settings import Settings
from evaluation.alignment import align
from evaluation.calibrate import LEXICAL, SIGNALS, fit, write
from evaluation.dataset import Dataset, sample
from evaluation.examples import Example, gather
from evaluation.squad_file import load_squad
from evaluation.subject import Asked, asked_of

_WORK = Path("build") / "calibration"


def calibrate(words: Sequence[str], settings: Settings, console: Console) -> int:
    """Exit status 0; what goes wrong is raised."""
    parser = argparse.ArgumentParser(prog="python -m evaluation calibrate", description=__doc__)
    parser.add_argument("--data", type=Path, action="append", required=True, help="SQuAD-format JSON; repeatable")
    parser.add_argument("--out", type=Path, default=Path("agent") / FILE_NAME, help="the file of weights to change")
    parser.add_argument("--limit", type=int, default=1200, help="questions drawn from each file")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--lexical", action="store_true", help="fit what is used for any other embedding model instead")
    options = parser.parse_args(words)
    from agent.retrieval.loading import load_embedder

    embedder = load_embedder(settings)
    datasets = [load_squad(path) for path in options.data]
    examples: list[Example] = []
    with Bar(console=console) as bar:
        for name, dataset, asked in _rounds(datasets, options.limit, options.seed):
            task = bar.add_task(name, total=len(asked))
            folder = _WORK / embedder.name / dataset.name
            done = lambda count, task=task: bar.advance(task, count)  # noqa: E731 - one line, used once
            examples.extend(gather(dataset, asked, folder, embedder, settings, done))
    weights = fit(examples, LEXICAL if options.lexical else SIGNALS)
    provenance = {
        "examples": len(examples),
        "data": {dataset.name: dataset.digest[:12] for dataset in datasets},
        "embedder_fingerprint": embedder.fingerprint[:12],
        "date": datetime.now(UTC).date().isoformat(),
    }
    write(options.out, ANY_EMBEDDER if options.lexical else embedder.name, weights, provenance)
    console.print(f"{len(examples)} examples; weights written to {options.out.name}.")
    return 0


def _rounds(datasets: Sequence[Dataset], limit: int, seed: int) -> list[tuple[str, Dataset, list[Asked]]]:
    """Each file's own questions, and those of each file about the passages of those in another language."""
    rounds = [(dataset.name, dataset, asked_of(sample(dataset, limit, seed))) for dataset in datasets]
    for questions in datasets:
        for passages in datasets:
            if questions.language != passages.language:
                translated = asked_of(questions, align(questions, passages))
                # As many as of one language, spread over the file.
                step = max(len(translated) // limit, 1)
                rounds.append((f"{questions.name} about {passages.name}", passages, translated[::step]))
    return rounds
