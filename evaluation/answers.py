"""python -m evaluation answers: how complete, right and well cited the answers are, beside those of plain RAG."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from rich.console import Console

from agent.engine.base import Engine
from agent.language_model import load_language_model
from agent.load_errors import ConfigurationError
from agent.schemas import Mode
from agent.settings import NO_MODEL, Settings
from evaluation.answer_question import AnswerQuestion, draw
from evaluation.answers_report import show_answers, write_answers_report
from evaluation.answers_run import PLAIN, AnswersEvaluation
from evaluation.clapnq import CORPUS, is_clapnq, load_clapnq
from evaluation.dataset import InvalidDataset
from evaluation.floors import Floors
from evaluation.nuggets import load_nuggets
from evaluation.progress import progress_bars
from evaluation.run import Parts

_DEFAULT: Mode = "auto"


def measure_answers(words: Sequence[str], settings: Settings, console: Console) -> int:
    """Exit status 0; what goes wrong is raised."""
    options = _options(words)
    floors = Floors.read(options.floors) if options.floors else Floors({})
    questions, folders = load_questions(options.data, options.corpora)
    evaluation = AnswersEvaluation(
        name=options.data.name,
        questions=draw(questions, options.limit, options.seed),
        folders=folders,
        stores=options.stores or options.report,
    )
    systems = [*dict.fromkeys(options.strategy or [_DEFAULT]), *([PLAIN] if options.plain else [])]
    parts = _load(options, systems, settings)
    try:
        with progress_bars(console) as progress:
            report = evaluation.run(
                parts, systems, options.report, progress, at_once=options.at_once, restart=options.restart
            )
    finally:
        parts.engine.close()
    write_answers_report(report, options.report)
    show_answers(report, Console())
    console.print(f"Figures, tables, answers and picture: {options.report}/", markup=False)
    floors.check(report)
    return 0


def load_questions(data: Path, corpora: Path | None) -> tuple[Sequence[AnswerQuestion], dict[str, Path]]:
    """The questions of a folder or a file, and the folder of each corpus.

    The passages of a file of CLAPNQ are `corpora`, or the folder `corpus` beside it.

    Raises:
        InvalidDataset: see `evaluation.nuggets` and `evaluation.clapnq`; or `corpora` is missing.
    """
    files = sorted(data.glob("*.jsonl")) if data.is_dir() else [data]
    if len(files) == 1 and is_clapnq(files[0]):
        passages = corpora or files[0].parent / "corpus"
        return load_clapnq(files[0], passages), {CORPUS: passages}
    if corpora is None:
        raise InvalidDataset("Questions with nuggets need --corpora, the folder that holds a folder for each corpus.")
    questions = load_nuggets(files, corpora)
    return questions, {question.corpus: corpora / question.corpus for question in questions}


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evaluation answers", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder or file of JSON lines: nuggets or CLAPNQ")
    parser.add_argument("--corpora", type=Path, help="folder with a folder of documents for each corpus")
    parser.add_argument("--report", type=Path, required=True, help="folder for the report, the answers and the picture")
    parser.add_argument("--stores", type=Path, help="folder of the stores, shared by reports; --report if left out")
    parser.add_argument("--strategy", action="append", choices=get_args(Mode), help="repeatable; auto if left out")
    parser.add_argument("--base-model", help="folder or Hub id of the language model; BASE_MODEL if left out")
    parser.add_argument("--plain", action="store_true", help="ask plain RAG with the same model as well")
    parser.add_argument("--at-once", type=_at_least_one, default=4, help="questions asked at the same time")
    parser.add_argument("--limit", type=_at_least_one, help="ask so many of the questions, drawn by the seed")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--restart", action="store_true", help="ask everything again instead of going on")
    parser.add_argument("--floors", type=Path, help="JSON of least values; status 1 when one is missed")
    return parser.parse_args(words)


def _load(options: argparse.Namespace, systems: Sequence[str], settings: Settings) -> Parts:
    # The embedding model's libraries take seconds to import: what is wrong with the files is told before.
    from agent.retrieval.loading import load_embedder, load_reranker

    # A quote needs no language model.
    model = NO_MODEL if list(systems) == ["extractive"] else options.base_model or settings.base_model
    if options.plain and model == NO_MODEL:
        raise ConfigurationError("--plain needs a language model: name one with --base-model or BASE_MODEL.")
    settings = settings.model_copy(update={"base_model": model})
    embedder, reranker = load_embedder(settings), load_reranker(settings)
    engine: Engine = load_language_model(settings)
    return Parts(engine, embedder, reranker, settings)


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
