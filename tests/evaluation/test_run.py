"""Asking every question of a small dataset, and what the report says of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.engine.no_engine import NoEngine
from agent.engine.scripted import ScriptedEngine
from agent.retrieval.hashing_embedder import HashingEmbedder
from agent.settings import Settings
from evaluation.bench import build
from evaluation.dataset import Dataset
from evaluation.journal import JournalRefused
from evaluation.report import DatasetSection, Report
from evaluation.run import Evaluation, Parts
from evaluation.squad_file import load_squad
from evaluation.subject import asked_of, documents_of

HARBOUR = "The harbour of Velm was dug in 1843. Its lighthouse burns whale oil. Ships pay nine florins at the gate."
BAKERY = "The bakery of Orso sells rye bread. Flour comes from the mill of Tarn. The oven is lit at four o'clock."


def squad(folder: Path) -> Path:
    """Two articles, three questions that they answer and one that they do not."""

    def question(number: str, text: str, answer: str = "", context: str = "") -> dict[str, Any]:
        answers = [{"text": answer, "answer_start": context.index(answer)}] if answer else []
        return {"id": number, "question": text, "answers": answers, "is_impossible": not answer}

    harbour = [
        question("h1", "When was the harbour of Velm dug?", "1843", HARBOUR),
        question("h2", "What does the lighthouse of the harbour burn?", "whale oil", HARBOUR),
        question("h3", "Who designed the harbour of Velm?"),
    ]
    bakery = [question("b1", "Where does the flour of the bakery come from?", "the mill of Tarn", BAKERY)]
    data = [
        {"title": "Velm", "paragraphs": [{"context": HARBOUR, "qas": harbour}]},
        {"title": "Orso", "paragraphs": [{"context": BAKERY, "qas": bakery}]},
    ]
    path = folder / "small.json"
    path.write_text(json.dumps({"version": "v2.0", "data": data}), encoding="utf-8")
    return path


def evaluation_of(dataset: Dataset, folder: Path) -> Evaluation:
    store = build(documents_of(dataset), folder / "store", HashingEmbedder(), Settings())
    return Evaluation(DatasetSection.of(dataset), asked_of(dataset), store, documents_of(dataset), dataset.digest)


def run(folder: Path, *, asked: list[str] | None = None, min_relevance: float = 0.5) -> Report:
    evaluation = evaluation_of(load_squad(squad(folder)), folder)
    settings = Settings(base_model="none", min_relevance=min_relevance)
    parts = Parts(NoEngine(), HashingEmbedder(), None, settings)

    def progress(name: str, _done: int, _total: int) -> None:
        if asked is not None:
            asked.append(name)

    return evaluation.run(parts, ["extractive"], folder, progress, restart=False)


def test_every_figure_is_made_from_what_was_asked(tmp_path: Path) -> None:
    """Ranks and answers of the answerable questions, byte-exact quotes, and each article's questions without it."""
    report = run(tmp_path)
    assert ["dense", "bm25", "fused"] == list(report.retrieval)
    assert (1.0, 3) == (report.retrieval["fused"].r1, report.retrieval["fused"].n)
    assert (1.0, 1.0) == (report.answers["extractive"].contains_gold, report.answers["extractive"].answered_share)
    assert report.citations is not None
    assert (1.0, 1.0) == (report.citations.valid_share, report.citations.gold_recall)
    assert report.abstention is not None
    assert report.abstention.out_of_corpus is not None
    assert (3, 3, 1.0) == (
        report.abstention.out_of_corpus.n_pos,
        report.abstention.out_of_corpus.n_neg,
        report.abstention.out_of_corpus.auroc,
    )


def test_a_second_run_asks_nothing_again(tmp_path: Path) -> None:
    """What the journal holds is taken from it."""
    first = run(tmp_path)
    asked: list[str] = []
    second = run(tmp_path, asked=asked)
    assert [] == asked
    assert (first.retrieval, first.answers) == (second.retrieval, second.answers)


def test_an_interrupted_run_goes_on_where_it_ended(tmp_path: Path) -> None:
    """Of a journal that was cut, only what is missing is asked again."""
    run(tmp_path)
    journal = tmp_path / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:-2]) + lines[-1][:10])
    asked: list[str] = []
    run(tmp_path, asked=asked)
    assert ["Without", "Without"] == asked


def test_a_journal_of_other_settings_is_refused(tmp_path: Path) -> None:
    """Figures of two settings are never mixed."""
    run(tmp_path)
    with pytest.raises(JournalRefused, match="settings"):
        run(tmp_path, min_relevance=0.9)


def test_an_abstention_counts_as_wrong(tmp_path: Path) -> None:
    """With a threshold nothing can pass, nothing is answered and nothing is right."""
    report = run(tmp_path, min_relevance=1.0)
    assert (0.0, 0.0) == (report.answers["extractive"].contains_gold, report.answers["extractive"].answered_share)
    assert report.abstention is not None
    assert report.abstention.product is not None
    assert 1.0 == report.abstention.product.out_of_corpus_rejection


def test_modes_are_measured_side_by_side(tmp_path: Path) -> None:
    """A model that says what no source says is measured by what the product makes of it: a quote, or nothing."""
    evaluation = evaluation_of(load_squad(squad(tmp_path)), tmp_path)
    engine = ScriptedEngine(lambda _prompt: "The moon is made of cheese. [1]")
    parts = Parts(engine, HashingEmbedder(), None, Settings())
    report = evaluation.run(parts, ["auto", "generative"], tmp_path, lambda *_: None, restart=False)
    assert (1.0, 0.0) == (report.answers["auto"].contains_gold, report.answers["generative"].contains_gold)
