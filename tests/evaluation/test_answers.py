"""python -m evaluation answers: every question of small data sets, asked of real stores, and what the report says."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from agent.engine.scripted import ScriptedEngine
from evaluation.answer_question import AnswerQuestion
from evaluation.answer_scores import ScoredAnswer, score_answer
from evaluation.answers_report import report_of, show_answers, write_answers_report
from evaluation.floors import Floors, FloorsMissed
from evaluation.journal import JournalRefused
from evaluation.nuggets import load_nuggets
from evaluation.outcome import Outcome, Read, failure
from tests import forkserver
from tests.conftest import ROOT, environment
from tests.evaluation.nugget_files import DOCUMENTS, evaluate_answers, nugget_question, write_lines, write_nuggets
from tests.fakes.loading import write_documents

PNG = b"\x89PNG\r\n\x1a\n"


def answers_command(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "evaluation", "answers", *map(str, arguments)]
    return forkserver.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)


def row(question: AnswerQuestion, outcome: Outcome, system: str = "auto") -> ScoredAnswer:
    return score_answer(system, question, outcome, {name[5:]: text for name, text in DOCUMENTS.items()}.get, {})


def says(answer: str, *, abstained: bool = False, context: list[Read] | None = None) -> Outcome:
    outcome = failure("", "en", 0.5)
    return {**outcome, "answer": answer, "abstained": abstained, "context": context, "error": None}


def test_every_figure_is_made_from_what_was_asked(tmp_path: Path) -> None:
    """Facts, completeness, abstention, byte-exact quotes and citations; by type, language and corpus."""
    data, corpora = write_nuggets(tmp_path)
    report = evaluate_answers(data, corpora, tmp_path / "out", ["extractive"])
    figures = report.figures["extractive"]
    assert {"questions": 4, "answerable": 3} == report.counts["all"]
    groups = {"all", "language=en", "language=es", "corpus=orso", "corpus=velm"}
    assert groups | {"type=fact", "type=list", "type=table", "type=unanswerable"} == set(figures)
    assert (1.0, 1.0, 1.0) == tuple(figures["type=fact"][name] for name in ("recall", "complete", "citation_recall"))
    assert (1.0, 1.0) == (figures["all"]["valid_quotes"], figures["all"]["citation_precision"])
    assert 1.0 == figures["type=unanswerable"]["abstention_recall"]
    assert 0.0 == figures["all"]["failed"]
    assert 0.0 < (figures["all"]["in_context"] or 0.0) <= 1.0
    low, high = report.intervals["extractive"]["all"]["recall"]
    assert 0 <= low <= (figures["all"]["recall"] or 0) <= high <= 1


def test_the_baseline_is_scored_beside_the_product(tmp_path: Path) -> None:
    """The same questions and the same code; it cites nothing, never abstains, and tells what it read."""
    data, corpora = write_nuggets(tmp_path)
    engine = ScriptedEngine(lambda _prompt: "It was dug in 1843, ships pay 9 florins. It burns whale oil.")
    report = evaluate_answers(data, corpora, tmp_path / "out", ["extractive", "plain"], engine=engine)
    assert ("extractive", "plain") == report.systems
    plain = report.figures["plain"]["all"]
    assert (2 / 3, 2 / 3, 0.25) == (plain["recall"], plain["complete"], plain["wrong"])
    assert (0.0, None, None) == (plain["abstention_recall"], plain["abstention_precision"], plain["citation_recall"])
    assert 1.0 == plain["in_context"]
    assert (13.0, True) == (plain["completion_tokens"], (plain["prompt_tokens"] or 0) > (plain["context_tokens"] or 0))


def test_a_second_run_asks_nothing_again(tmp_path: Path) -> None:
    """Answers come from the journals, and the stores are up to date."""
    data, corpora = write_nuggets(tmp_path)
    engine = ScriptedEngine()
    first = evaluate_answers(data, corpora, tmp_path / "out", ["auto", "plain"], engine=engine)
    prompts = len(engine.prompts)
    asked: list[str] = []
    second = evaluate_answers(data, corpora, tmp_path / "out", ["auto", "plain"], engine=engine, asked=asked)
    assert (first.figures, prompts) == (second.figures, len(engine.prompts))
    assert [] == [name for name in asked if name.startswith("Embedding")]


def test_an_interrupted_run_goes_on_where_it_ended(tmp_path: Path) -> None:
    """A failure that is none of a question ends the run; the next one asks only what is missing."""
    data, corpora = write_nuggets(tmp_path)
    engine = ScriptedEngine(interrupt_at(3), capacity=1)
    with pytest.raises(KeyboardInterrupt):
        evaluate_answers(data, corpora, tmp_path / "out", ["plain"], engine=engine, at_once=1)
    engine = ScriptedEngine()
    report = evaluate_answers(data, corpora, tmp_path / "out", ["plain"], engine=engine, at_once=1)
    assert (2, 4) == (len(engine.prompts), report.counts["all"]["questions"])
    engine = ScriptedEngine()
    evaluate_answers(data, corpora, tmp_path / "out", ["plain"], engine=engine, restart=True)
    assert 4 == len(engine.prompts)


def interrupt_at(number: int) -> "_Interrupting":
    return _Interrupting(number)


class _Interrupting:
    def __init__(self, number: int) -> None:
        self._left = number

    def __call__(self, _prompt: str) -> str:
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt
        return "1843."


def test_a_failed_question_is_an_empty_answer_and_asked_again(tmp_path: Path) -> None:
    """It is no abstention, it is named in the notes, and no journal keeps it."""
    data, corpora = write_nuggets(tmp_path)
    failing = ScriptedEngine(context_length=64)
    report = evaluate_answers(data, corpora, tmp_path / "out", ["plain"], engine=failing)
    figures = report.figures["plain"]["all"]
    assert (1.0, 0.0, None) == (figures["failed"], figures["recall"], figures["abstention_precision"])
    assert "plain: v1 (prompt_too_long)" in report.notes[0]
    engine = ScriptedEngine()
    evaluate_answers(data, corpora, tmp_path / "out", ["plain"], engine=engine)
    assert 4 == len(engine.prompts)


def test_a_journal_of_other_documents_is_refused(tmp_path: Path) -> None:
    """Answers about two versions of a corpus are never mixed."""
    data, corpora = write_nuggets(tmp_path)
    evaluate_answers(data, corpora, tmp_path / "out", ["extractive"])
    write_documents(corpora, {"velm/fees.md": "# Fees\n\nShips pay ten florins at the gate of the harbour.\n"})
    with pytest.raises(JournalRefused, match=r"journal-extractive\.jsonl .*indexes"):
        evaluate_answers(data, corpora, tmp_path / "out", ["extractive"])


def test_clapnq_is_asked_of_its_passages(tmp_path: Path) -> None:
    """The answers of people are compared with those of both systems, and citations with the passage."""
    passages = write_documents(tmp_path / "corpus", {"Velm.txt": "Velm\n\nThe harbour of Velm was dug in 1843.\n"})
    asked = {"question": "When was the harbour of Velm dug?", "source": "Velm.txt", "sentences": []}
    data = write_lines(
        tmp_path / "dev.jsonl",
        {"id": "1", "answerable": True, "answer": "The harbour of Velm was dug in 1843.", **asked},
        {"id": "2", "answerable": False, "answer": "", **asked, "question": "Who painted the opera of Tarn?"},
    )
    engine = ScriptedEngine(lambda _prompt: "The harbour")
    report = evaluate_answers(data, passages, tmp_path / "out", ["extractive", "plain"], engine=engine)
    product, plain = report.figures["extractive"]["all"], report.figures["plain"]["all"]
    assert (1.0, 1.0, 1.0) == (product["rouge_l"], product["gold_citations"], product["abstention_recall"])
    assert (2 * 2 / (2 + 8), None, 0.0) == (plain["rouge_l"], plain["gold_citations"], plain["abstention_recall"])
    assert PNG == write_answers_report(report, tmp_path / "out")[-1].read_bytes()[:8]


def test_the_files_are_written_and_shown(tmp_path: Path) -> None:
    """Figures that floors find, tables with intervals, answers to read misses in, and a picture."""
    data, corpora = write_nuggets(tmp_path)
    report = evaluate_answers(data, corpora, tmp_path / "out", ["extractive"])
    files = write_answers_report(report, tmp_path / "out")
    assert ["report.json", "report.md", "answers.jsonl", "answers.png"] == [file.name for file in files]
    figures = json.loads(files[0].read_text(encoding="utf-8"))
    assert report.figures["extractive"] == figures["figures"]["extractive"]
    assert {"data", "counts", "figures", "intervals", "environment", "notes"} == set(figures)
    assert "(answers.png)" in (text := files[1].read_text(encoding="utf-8"))
    assert "| unanswerable | extractive | 1 |" in text
    lines = {one["id"]: one for one in map(json.loads, files[2].read_text(encoding="utf-8").splitlines())}
    assert {"v1", "v2", "v3", "o1"} == set(lines)
    assert ([True], [], True) == (lines["v1"]["hits"], lines["v1"]["missing"], lines["v3"]["abstained"])
    citation = lines["v1"]["blocks"][0]["citations"][0]
    assert ("harbour.md", True) == (citation["source"], citation["supports"])
    assert PNG == files[3].read_bytes()[:8]
    console = Console(file=StringIO(), width=140)
    show_answers(report, console)
    assert isinstance(console.file, StringIO)
    assert "By type" in console.file.getvalue()


def test_floors_are_compared_with_the_figures(tmp_path: Path) -> None:
    """By system, group and figure; a figure that was not measured is below its floor."""
    data, corpora = write_nuggets(tmp_path)
    report = evaluate_answers(data, corpora, tmp_path / "out", ["extractive"])
    Floors({"figures.extractive.type=fact.recall": 1.0}).check(report)
    with pytest.raises(FloorsMissed, match=r"figures\.plain\.all\.recall is missing"):
        Floors({"figures.plain.all.recall": 0.1}).check(report)


def test_an_abstention_states_nothing_and_is_never_wrong(tmp_path: Path) -> None:
    """Whatever its words are."""
    data, corpora = write_nuggets(tmp_path)
    answerable, _, unanswerable = load_nuggets([data / "velm.jsonl"], corpora)
    assert (0.0, 1) == row(answerable, says("Not in 1843.", abstained=True)).parts["recall"]
    assert (1.0, 1) == row(answerable, says("In 1843.")).parts["recall"]
    assert (0.0, 1) == row(unanswerable, says("whale", abstained=True)).parts["wrong"]
    assert (1.0, 1) == row(unanswerable, says("whale")).parts["wrong"]


def test_a_complete_answer_has_nothing_wrong(tmp_path: Path) -> None:
    """All facts beside a confusion are no complete answer."""
    (tmp_path / "velm").mkdir()
    file = write_lines(tmp_path / "q.jsonl", nugget_question("v1", wrong=["1844"]))
    (question,) = load_nuggets([file], tmp_path)
    assert (1.0, 1) == row(question, says("1843")).parts["complete"]
    assert (0.0, 1) == row(question, says("1843, or 1844")).parts["complete"]


def test_an_answer_that_ended_before_a_context_has_read_nothing(tmp_path: Path) -> None:
    """Where other answers of the system tell theirs; where none does, it is not known."""
    data, corpora = write_nuggets(tmp_path)
    first, second, _ = load_nuggets([data / "velm.jsonl"], corpora)
    harbour = Read(source="harbour.md", start=0, end=90, tokens=20)
    read = row(first, says("1843", context=[harbour]))
    unread = row(second, says("", abstained=True))
    assert 0.5 == report_of("q", {"auto": [read, unread]}).figures["auto"]["all"]["in_context"]
    assert report_of("q", {"auto": [unread]}).figures["auto"]["all"]["in_context"] is None


def test_the_command_reports_what_was_drawn(real_models: Path, tmp_path: Path) -> None:
    """The command, on the real embedder: tables on standard output, files in the folder, floors by the status."""
    data, corpora = write_nuggets(tmp_path)
    out, floors = tmp_path / "out", write_lines(tmp_path / "floors.json", {"figures.extractive.all.recall": 1.1})
    common = ["--data", data, "--corpora", corpora, "--strategy", "extractive", "--report", out, "--limit", 2]
    finished = answers_command(*common, "--stores", tmp_path / "stores")
    assert 0 == finished.returncode, finished.stderr
    assert "complete" in finished.stdout
    assert {"report.json", "report.md", "answers.jsonl", "answers.png", "journal-extractive.jsonl"} == {
        path.name for path in out.iterdir()
    }
    assert 2 == len((out / "answers.jsonl").read_text().splitlines())
    missed = answers_command(*common, "--stores", tmp_path / "stores", "--floors", floors)
    assert (1, True) == (missed.returncode, "figures.extractive.all.recall is" in missed.stderr)


def test_what_cannot_be_evaluated_ends_with_status_2_and_one_line(tmp_path: Path) -> None:
    """A corpus that is not there, a pattern that is none, no JSON, no file, and a baseline without a model."""
    data, corpora = write_nuggets(tmp_path)
    wrong = {
        "corpus.jsonl": nugget_question("v1", corpus="tarn"),
        "pattern.jsonl": nugget_question("v1", wrong=["("]),
        "json.jsonl": "{",
    }
    files = {name: write_lines(tmp_path / name, line) for name, line in wrong.items()}
    out = ["--report", tmp_path / "out"]
    attempts: dict[str, list[object]] = {
        'corpus.jsonl, line 1: the corpus "tarn" is no folder': [files["corpus.jsonl"], "--corpora", corpora],
        "pattern.jsonl, line 1.wrong[0]: is no regular expression": [files["pattern.jsonl"], "--corpora", corpora],
        "json.jsonl, line 1: not JSON": [files["json.jsonl"], "--corpora", corpora],
        "none.jsonl: No such file": [tmp_path / "none.jsonl", "--corpora", corpora],
        "need --corpora": [data],
        "--plain needs a language model": [data, "--corpora", corpora, "--plain", "--base-model", "none"],
        "must be at least 1": [data, "--corpora", corpora, "--at-once", 0],
    }
    for expected, arguments in attempts.items():
        finished = answers_command("--data", *arguments, *out)
        assert (2, True) == (finished.returncode, expected in finished.stderr), finished.stderr
        assert "Traceback" not in finished.stderr
