"""python -m evaluation --data FILE --report FOLDER | answers | calibrate --data FILE --out FILE | injection

FILE is SQuAD-format JSON, whose paragraphs become the corpus, or JSON lines of questions about `--corpus FOLDER`.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from pydantic import ValidationError
from rich.console import Console

from agent.ingest.builder import ChunkSizes
from agent.ingest.loaders import find_files
from agent.ingest.sync import NothingToIngest, StoreBusy, sync
from agent.language_model import load_language_model
from agent.load_errors import LoadError
from agent.retrieval.embedder import Embedder
from agent.schemas import Mode
from agent.settings import NO_MODEL, Settings, explain
from agent.store.store import Store
from agent.telemetry.logs import configure_logging
from evaluation.alignment import align
from evaluation.bench import build
from evaluation.corpus_question import load_jsonl
from evaluation.dataset import Dataset, InvalidDataset, sample
from evaluation.floors import Floors, FloorsMissed
from evaluation.journal import JournalRefused
from evaluation.output import show, write_report
from evaluation.progress import progress_bars
from evaluation.report import DatasetSection
from evaluation.run import Evaluation, Parts
from evaluation.squad_file import load_squad
from evaluation.subject import asked_of, asked_of_corpus, documents_of

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

OK = 0
BELOW = 1
FAILED = 2


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 1 a floor was missed, 2 it could not be done."""
    words = sys.argv[1:] if arguments is None else arguments
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        if words[:1] == ["answers"]:
            from evaluation.answers import measure_answers

            return measure_answers(words[1:], _settings(), console)
        if words[:1] == ["calibrate"]:
            from evaluation.calibrating import calibrate

            return calibrate(words[1:], _settings(), console)
        if words[:1] == ["injection"]:
            from evaluation.injection import measure

            return measure(words[1:], _settings(), console)
        return _evaluate(_options(words), _settings(), console)
    except ValidationError as error:
        console.print(explain(error), markup=False, end="")
    except (InvalidDataset, JournalRefused) as error:
        console.print(str(error), markup=False)
    except LoadError as error:
        console.print(f"{error.code}: {error.message}", markup=False)
    except NothingToIngest:
        console.print("The corpus holds no text.")
    except StoreBusy:
        console.print("Another ingestion is writing to the store of a corpus. Wait for it to end.")
    except FileNotFoundError as error:
        console.print(f"There is no file or folder {str(error.filename or error)!r}.", markup=False)
    except FloorsMissed as error:
        console.print(str(error), markup=False)
        return BELOW
    return FAILED


def _settings() -> Settings:
    """The service's settings; its log, a line for each step of each question, only from warnings on."""
    settings = Settings()
    configure_logging(settings.model_copy(update={"log_level": max("WARNING", settings.log_level, key=_LEVELS.index)}))
    return settings


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evaluation", description="Measure the quality of answers.")
    parser.add_argument("--data", type=Path, required=True, help="SQuAD-format JSON, or JSON lines of questions")
    parser.add_argument("--report", type=Path, required=True, help="folder for the report and its pictures")
    parser.add_argument("--corpus", type=Path, help="folder of documents that JSON lines ask about")
    parser.add_argument("--passages", type=Path, help="search the paragraphs of this SQuAD file instead")
    parser.add_argument("--mode", action="append", choices=get_args(Mode), help="repeatable; extractive if left out")
    parser.add_argument("--limit", type=int, help="ask so many of the questions, drawn by the seed")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--restart", action="store_true", help="begin anew instead of going on where a run ended")
    parser.add_argument("--floors", type=Path, help="JSON of least values; status 1 when one is missed")
    options = parser.parse_args(words)
    if options.data.suffix == ".jsonl" and options.corpus is None:
        parser.error("JSON lines of questions need --corpus")
    return options


def _evaluate(options: argparse.Namespace, settings: Settings, console: Console) -> int:
    floors = Floors.read(options.floors) if options.floors else Floors({})
    modes: list[Mode] = options.mode or ["extractive"]
    # Models are loaded by what needs them: a quote needs no language model.
    if modes == ["extractive"]:
        settings = settings.model_copy(update={"base_model": NO_MODEL})
    parts = _load(settings)
    evaluation = _subject(options, parts.embedder, settings, console)
    with progress_bars(console) as progress:
        report = evaluation.run(parts, modes, options.report, progress, restart=options.restart)
    files = write_report(report, options.report)
    show(report, Console())
    console.print(f"Figures, tables and pictures: {options.report}/", markup=False)
    if not any(file.suffix == ".png" for file in files):
        console.print("Pictures need matplotlib, which `make install` installs.", markup=False)
    floors.check(report)
    return OK


def _load(settings: Settings) -> Parts:
    from agent.retrieval.loading import load_embedder, load_reranker

    embedder, reranker = load_embedder(settings), load_reranker(settings)
    return Parts(load_language_model(settings), embedder, reranker, settings)


def _subject(options: argparse.Namespace, embedder: Embedder, settings: Settings, console: Console) -> Evaluation:
    store: Path = options.report / "store"
    if options.data.suffix == ".jsonl":
        return _about_folder(options, store, embedder, settings)
    dataset = sample(load_squad(options.data), options.limit, options.seed)
    passages = load_squad(options.passages) if options.passages else dataset
    with console.status("Embedding the passages"):
        build(documents_of(passages), store, embedder, settings)
    translations = align(dataset, passages) if options.passages else None
    return Evaluation(
        section=_section(dataset, passages),
        asked=asked_of(dataset, translations),
        store=store,
        documents=documents_of(passages),
        digest=dataset.digest + passages.digest,
        notes=_notes(dataset, translations),
    )


def _about_folder(options: argparse.Namespace, store: Path, embedder: Embedder, settings: Settings) -> Evaluation:
    questions = load_jsonl(options.data)
    sizes = ChunkSizes(settings.chunk_tokens, settings.chunk_overlap_tokens)
    sync(store, find_files([str(options.corpus)]), embedder, sizes)
    opened = Store(store)
    texts = {document.source: document.text for document, _ in opened.chunks.documents()}
    opened.close()
    asked = asked_of_corpus(questions, texts)[: options.limit]
    spanish = sum(one.language == "es" for one in asked)
    section = DatasetSection(
        name=options.data.name,
        language="en",
        question_language="es" if spanish > len(asked) / 2 else "en",
        passages=len(texts),
        questions=len(asked),
        answerable=sum(one.answerable for one in asked),
    )
    notes = (f"{spanish} of {len(asked)} questions are Spanish; the corpus is the folder {options.corpus.name}/.",)
    return Evaluation(section, asked, store, (), repr(asked), notes)


def _section(dataset: Dataset, passages: Dataset) -> DatasetSection:
    section = DatasetSection.of(dataset)
    return replace(section, language=passages.language, passages=len(passages.passages))


def _notes(dataset: Dataset, translations: dict[str, str] | None) -> tuple[str, ...]:
    notes = []
    if translations is not None:
        notes.append(f"{len(translations)} of {len(dataset.passages)} passages have a translation that was found.")
    if dataset.notes:
        notes.append(f"{len(dataset.notes)} oddities of the file were mended or left out, such as: {dataset.notes[0]}")
    return tuple(notes)


if __name__ == "__main__":
    sys.exit(main())
