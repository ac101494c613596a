"""python -m training evaluate: base model against adapter, as a table in the adapter's model card."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast, get_args

from rich.console import Console
from rich.progress import Progress

from agent.answering.calibration import ReaderCalibration
from agent.engine.adapters import WEIGHTS
from agent.engine.provenance import Provenance
from agent.language_model import load_language_model
from agent.retrieval.embedder import Embedder
from agent.retrieval.loading import load_embedder
from agent.schemas import Language
from agent.settings import Settings
from evaluation.environment import environment
from evaluation.journal import Journal, JournalRefused
from evaluation.subject import Asked
from training.calibrate import calibrate, check_enough
from training.card import write_card
from training.errors import Refused
from training.example import read_data
from training.figures import Figures, Row
from training.measure import Examiner
from training.memo import MemoEngine
from training.subject import Subject, read_subject

_NAME = "adapter"
BASE = "base"
SHARED = "shared"
_WORK = Path("build") / "training"
# Held-out questions that the confidence is fitted on; a few weights need no more.
_CALIBRATED_ON = 500
# Settings that the figures depend on.
_REPORTED = ("top_k", "context_sentences", "context_tokens", "max_tokens", "min_relevance", "min_confidence")


def evaluate(words: Sequence[str], settings: Settings, console: Console) -> None:
    """Raises Refused, InvalidDataset and LoadError."""
    options = _options(words)
    folder: Path = options.adapter
    if not (folder / WEIGHTS).is_file():
        raise Refused(f"{folder} holds no adapter; `python -m training train` makes one.")
    provenance = Provenance.read(folder)
    if provenance is None:
        raise Refused(f"{folder} has no provenance: only adapters of `python -m training train` have a card.")
    subjects = [read_subject(path, options.store) for path in options.qa]
    held_out = _held_out(options, provenance)
    settings = settings.model_copy(
        update={"base_model": options.base or settings.base_model, "lora_model": f"{_NAME}={folder}",
                "default_adapter": "", "max_generations": 1}
    )  # fmt: skip
    engine = load_language_model(settings)
    try:
        bench = _Bench(MemoEngine(engine), load_embedder(settings), settings, options, console)
        if held_out:
            # Believed whatever it says, for it is to be found out how often that is right.
            believed: dict[str, dict[str, float]] = dict.fromkeys(
                get_args(Language), asdict(ReaderCalibration(20, 0, 0, 0, 0, 2, 2))
            )
            bench.engine.provenances = {_NAME: replace(provenance, reader=believed)}
            provenance = replace(provenance, reader=bench.calibrate(held_out))
            provenance.write(folder)
        if not subjects:
            return
        bench.engine.provenances = {_NAME: provenance}
        rows = {subject.name: bench.examine(subject, provenance) for subject in subjects}
    finally:
        engine.close()
    figures = {name: {who: asdict(Figures.of(some)) for who, some in of.items()} for name, of in rows.items()}
    reported = {name: getattr(settings, name) for name in _REPORTED}
    where = environment(embedder=bench.embedder.name, settings=reported)
    provenance = replace(provenance, figures={"sets": figures, "environment": asdict(where)})
    provenance.write(folder)
    write_card(folder, provenance)
    console.print(f"The figures are in {folder / 'README.md'}.")


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training evaluate", description=__doc__)
    parser.add_argument("--adapter", type=Path, required=True, help="folder of the adapter")
    parser.add_argument(
        "--qa", type=Path, nargs="*", default=[],
        help="questions to ask: SQuAD-format JSON, or JSON lines of {question, answer, quote, source}",
    )  # fmt: skip
    parser.add_argument(
        "--calibrate", type=Path, nargs="*", default=[],
        help="the files that its training data was made of: the questions held out calibrate its confidence",
    )  # fmt: skip
    parser.add_argument("--data", type=Path, help="its training data, which knows what was held out")
    parser.add_argument("--store", type=Path, help="store of the documents that JSON lines are about")
    parser.add_argument("--base", help="the base model; BASE_MODEL if left out")
    parser.add_argument("--limit", type=int, help="ask so many questions of each file, drawn by the seed")
    parser.add_argument("--base-limit", type=int, help="ask the base model only so many of these")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--restart", action="store_true", help="begin anew instead of going on where a run ended")
    options = parser.parse_args(words)
    if not options.qa and not options.calibrate:
        parser.error("nothing to do: give --qa, --calibrate, or both")
    if options.calibrate and options.data is None:
        parser.error("--calibrate needs --data")
    if options.store is None and any(path.suffix == ".jsonl" for path in (*options.qa, *options.calibrate)):
        parser.error("JSON lines of questions need --store")
    if any(limit is not None and limit < 1 for limit in (options.limit, options.base_limit)):
        parser.error("--limit and --base-limit must be at least 1")
    return options


def _held_out(options: argparse.Namespace, provenance: Provenance) -> list[Subject]:
    """The questions of `--calibrate` that were held out of the training data."""
    if not options.calibrate:
        return []
    data = read_data(options.data)
    if data.digest != provenance.data:
        raise Refused(f"The adapter was not trained on {options.data.name}: what it holds out may have been learned.")
    ids = {example.id.rsplit("/", 1)[0] for example in data.of("held_out")}
    found = [read_subject(path, options.store) for path in options.calibrate]
    held_out = [replace(subject, asked=[one for one in subject.asked if one.id in ids]) for subject in found]
    check_enough([one.language for subject in held_out for one in subject.asked])
    return held_out


@dataclass(frozen=True, slots=True)
class _Bench:
    """What is needed to ask questions."""

    engine: MemoEngine
    embedder: Embedder
    settings: Settings
    options: argparse.Namespace
    console: Console

    def calibrate(self, held_out: Sequence[Subject]) -> dict[str, dict[str, float]]:
        """Fitted on some of the questions of each subject, drawn by the seed."""
        rows: list[Row] = []
        for subject in held_out:
            examiner = self._examiner(subject)
            asked = subject.some(_CALIBRATED_ON // len(held_out), self.options.seed)
            with Progress(console=self.console) as bar:
                for one in bar.track(asked, description=f"{subject.name}, held out"):
                    rows.append(examiner.examine(one, _NAME, gold_alone=False))
            examiner.close()
        reader = calibrate(rows)
        self.console.print(f"Calibrated on {len(rows)} held-out questions: {reader}")
        return reader

    def examine(self, subject: Subject, provenance: Provenance) -> dict[str, list[Row]]:
        """The rows of the adapter, of the base, and those of the adapter to the questions that the base was asked too.
        What was asked is kept, and a second run goes on.
        """
        settings, options = self.settings, self.options
        fingerprint = {
            "questions": subject.digest, "base": provenance.base_fingerprint, "data": provenance.data,
            "prompt": provenance.prompt, "training": dict(provenance.training),
            "reader": dict(provenance.reader or {}),
            "settings": [getattr(settings, name) for name in _REPORTED],
        }  # fmt: skip
        path = options.adapter.with_name(options.adapter.name + ".evaluation") / f"{subject.name}.jsonl"
        some = subject.some(options.limit, options.seed)
        asked = {_NAME: some, BASE: replace(subject, asked=some).some(options.base_limit, options.seed)}
        try:
            with Journal(path, fingerprint, restart=options.restart) as journal, Progress(console=self.console) as bar:
                examiner = self._examiner(subject)
                for who, questions in asked.items():
                    for one in bar.track(questions, description=f"{subject.name}, {who}"):
                        if f"{who}:{one.id}" not in journal.results:
                            row = examiner.examine(one, _NAME if who == _NAME else None)
                            journal.add(f"{who}:{one.id}", row)
                examiner.close()

                def rows(who: str, questions: Sequence[Asked]) -> list[Row]:
                    return [cast(Row, journal.results[f"{who}:{one.id}"]) for one in questions]

                fewer = asked[BASE]
                return {_NAME: rows(_NAME, some), BASE: rows(BASE, fewer), SHARED: rows(_NAME, fewer)}
        except JournalRefused as error:
            raise Refused(str(error)) from error

    def _examiner(self, subject: Subject) -> Examiner:
        with self.console.status(f"Embedding the passages of {subject.name}"):
            folder = subject.prepare(_WORK, self.embedder, self.settings)
        return Examiner(self.engine, self.embedder, self.settings, folder)
