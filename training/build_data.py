"""python -m training build-data: examples from files of questions."""

import argparse
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from agent.answering.prompts.short import NOTHING, completion, template_hash
from agent.retrieval.embedder import Embedder
from agent.settings import Settings
from agent.store.store import Store
from evaluation.alignment import align
from evaluation.bench import build
from training.build import Builder, pick_held_out
from training.errors import Refused
from training.example import Example, Split, count, write_data
from training.held_out import FEWEST, enough
from training.mining import Mined, mine
from training.question import Question, QuestionFile, read_lines, read_squad

_SHOWN = 3
# One in so many of all examples at most is about a translation.
_FOREIGN = 10


def build_data(words: Sequence[str], settings: Settings, console: Console) -> None:
    """Raises Refused and InvalidDataset."""
    options = _options(words)
    files = [_read(path, options.store) for path in options.qa]
    for file in files:
        _tell(file, console)
    if not any(file.questions for file in files):
        raise Refused("There is no question to make an example from.")
    from agent.retrieval.loading import load_embedder

    embedder = load_embedder(settings)
    held_out = _held_out(files, options.held_out)
    examples: list[Example] = []
    with Progress(console=console) as bar:
        for file in files:
            folder = options.store
            if file.documents is not None:
                folder = options.store / file.name
                with console.status(f"Embedding the passages of {file.name}"):
                    build(file.documents, folder, embedder, settings)
            own = _mine(file.name, file.questions, folder, embedder, settings, bar)
            foreign: list[Mined] = []
            for other in files:
                if (asked := _about_translations(other, file)) and file.documents is not None:
                    some = random.Random(options.seed).sample(asked, min(len(asked), options.examples // _FOREIGN))  # noqa: S311
                    foreign += _mine(f"{other.name} about {file.name}", some, folder, embedder, settings, bar)
            # As many of each file: a language with more questions should not be taught better for that.
            total = options.examples // len(files)
            examples += Builder(options.seed, held_out).build(own, foreign, total)
    if not any(example.split == "train" for example in examples):
        raise Refused("No example could be made: no question has its answer in what was found.")
    examples.sort(key=lambda example: example.id)
    header = {
        "seed": options.seed,
        "prompt": template_hash(),
        "embedder": embedder.name,
        "files": {file.name: _describe(file) for file in files},
        "counts": {kind: dict(counter) for kind, counter in count(examples).items()},
    }
    write_data(options.out, header, examples)
    _show(examples, options.out, console)


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training build-data", description=__doc__)
    parser.add_argument(
        "--qa", type=Path, nargs="+", required=True,
        help="SQuAD-format JSON, or JSON lines of {question, answer, quote, source}",
    )  # fmt: skip
    parser.add_argument(
        "--store", type=Path, required=True,
        help="store of the documents that JSON lines are about; a folder for stores of the SQuAD files' passages",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="the JSON lines to write")
    parser.add_argument("--examples", type=int, default=3000, help="how many to make, at most (3000)")
    parser.add_argument("--held-out", type=float, default=0.06, help="share of questions held out, whole articles")
    parser.add_argument("--seed", type=int, default=0, help="of every draw but that of the held-out articles")
    options = parser.parse_args(words)
    if options.examples < 1 or not 0 <= options.held_out < 1:
        parser.error("--examples must be at least 1, --held-out at least 0 and less than 1")
    names = [path.stem for path in options.qa]
    if len(set(names)) < len(names):
        parser.error("two files have the same name")
    return options


def _read(path: Path, store: Path) -> QuestionFile:
    if path.suffix != ".jsonl":
        return read_squad(path)
    opened = Store(store)
    try:
        texts = {document.source: document.text for document, _ in opened.chunks.documents()}
    finally:
        opened.close()
    return read_lines(path, texts)


def _held_out(files: Sequence[QuestionFile], share: float) -> frozenset[str]:
    """Of each file by itself, so that each language is held out in its share."""
    picked: set[str] = set()
    for file in files:
        sizes: dict[str, int] = {}
        for question in file.questions:
            sizes[question.article] = sizes.get(question.article, 0) + 1
        picked |= pick_held_out(sizes, share)
    return frozenset(picked)


def _mine(
    name: str, questions: Sequence[Question], folder: Path, embedder: Embedder, settings: Settings, bar: Progress
) -> list[Mined]:
    task = bar.add_task(name, total=len(questions))
    return list(mine(questions, folder, embedder, settings, lambda done: bar.advance(task, done)))


def _about_translations(asked: QuestionFile, passages: QuestionFile) -> list[Question]:
    """The questions of one file whose answer stands, in the same words, in the translation of their passage."""
    if asked.dataset is None or passages.dataset is None or asked.dataset.language == passages.dataset.language:
        return []
    translations = align(asked.dataset, passages.dataset)
    texts = {passage.id: passage.text for passage in passages.dataset.passages}
    found = []
    for question in asked.questions:
        if question.gold is None or (passage := translations.get(question.about or "")) is None:
            continue
        at = texts[passage].find(question.wording)
        if at >= 0:
            gold = (at, at + len(question.wording))
            found.append(replace(question, id=f"{question.id}@{passages.name}", about=passage, gold=gold))
    return found


def _describe(file: QuestionFile) -> Mapping[str, object]:
    digest = {"digest": file.dataset.digest} if file.dataset is not None else {}
    return {**digest, "questions": len(file.questions), "left_out": len(file.left_out), "mended": len(file.notes)}


def _tell(file: QuestionFile, console: Console) -> None:
    for what, lines in (("left out", file.left_out), ("mended or passed over", file.notes)):
        if lines:
            console.print(f"{file.name}: {len(lines)} {what}:", markup=False)
            for line in [*lines[:_SHOWN], *(["…"] if len(lines) > _SHOWN else [])]:
                console.print(f"  {line}", markup=False)


def _show(examples: Sequence[Example], out: Path, console: Console) -> None:
    table = Table("kind", "en", "es", "held out", title=f"{len(examples)} examples in {out.name}")
    for kind, counter in count(examples).items():
        table.add_row(kind, *(str(counter[column]) for column in ("en", "es", "held_out")))
    console.print(table)
    for line in _cautions(examples):
        console.print(line, markup=False)


def _cautions(examples: Sequence[Example]) -> Iterator[str]:
    """What training on such examples cannot give."""
    unanswered = completion(NOTHING, "")
    train, held_out = ([one for one in examples if one.split == split] for split in get_args(Split))
    if all(one.completion != unanswered for one in train):
        yield "No example to train on is without an answer: the adapter learns to answer whatever it is asked."
    if all(one.completion == unanswered for one in train):
        yield "No example to train on has an answer: the adapter learns to answer nothing."
    if not held_out:
        yield "Nothing is held out: training runs to its end, and the adapter cannot be calibrated."
    elif not enough([one.language for one in held_out]):
        yield (
            f"{len(held_out)} examples are held out: fewer than {FEWEST} of a language are too few to calibrate the "
            "adapter. --held-out raises their share."
        )
