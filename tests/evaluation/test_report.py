"""A report as JSON, Markdown, a terminal's tables and a picture."""

import re
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from evaluation.dataset import Dataset, GoldPassage, Question
from evaluation.environment import environment
from evaluation.metrics import reliability
from evaluation.output import markdown, show, write_report
from evaluation.plots import draw
from evaluation.quality import draw_quality
from evaluation.report import (
    Abstention,
    AnswerScores,
    CitationScores,
    DatasetSection,
    LatencyScores,
    ProductThreshold,
    Report,
    RetrievalScores,
    Separation,
)
from evaluation.tables import milliseconds, score, share

QUESTION = Question("q", "¿Cuándo?", "es", "A", "p", (), (), False)
TOTAL = LatencyScores.of([100.0, 200.0, 9000.0])
assert TOTAL is not None
WHOLE = Report(
    dataset=DatasetSection.of(Dataset("is|land", "en", (GoldPassage("p", "A", "Text."),), (QUESTION,))),
    environment=environment(index="3f9c", embedder="e5", settings={"top_k": 4}, command=["python", "-m", "evaluation"]),
    retrieval={"dense": RetrievalScores.of([1, 2, None, 1]), "bm25": RetrievalScores.of([3, 1, 1, None])},
    answers={"extractive": AnswerScores.of([1.0, 0.0], [1.0, 0.5], [1.0, 1.0], [True, False])},
    citations=CitationScores.of([True, True, False], [True, False]),
    abstention=Abstention(
        Separation.of([0.9, 0.8, 0.7], [0.1, 0.75]),
        Separation.of([0.9, 0.8], [0.85]),
        ProductThreshold(0.9, 0.8, None),
        ((0.5, 1.0), (0.9, 0.8)),
        ((0.5, 0.9), (0.9, 0.6)),
    ),
    calibration=reliability([0.9, 0.8, 0.3], [True, False, False]),
    latency={"total": TOTAL},
    notes=("1 of 1 passages aligned",),
)
HEADINGS = {
    "dataset": ["Dataset"],
    "retrieval": ["Retrieval"],
    "answers": ["Answers"],
    "citations": ["Citations"],
    "abstention": ["Abstention", "Abstention at the product's own threshold"],
    "calibration": ["Calibration"],
    "latency": ["Latency"],
    "environment": ["Environment"],
    "notes": ["Notes"],
}
EMPTY = Report()
PNG = b"\x89PNG\r\n\x1a\n"


def terminal(report: Report) -> str:
    console = Console(file=StringIO(), width=120)
    show(report, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_sections_are_made_from_what_was_measured() -> None:
    """The metrics under the names of the report."""
    scores = WHOLE.retrieval["dense"]
    assert (0.5, 0.75, 4, 20) == (scores.r1, scores.r5, scores.n, len(scores.curve))
    assert ("is|land", "en", "es", 1, 1, 0) == tuple(WHOLE.as_json()["dataset"].values())
    assert (3, 2, 2 / 3, 0.5) == tuple(WHOLE.as_json()["citations"].values())
    answers = WHOLE.answers["extractive"]
    assert (0.5, 0.75, 1.0, 0.5, 2) == (
        answers.em,
        answers.f1,
        answers.contains_gold,
        answers.answered_share,
        answers.n,
    )
    assert {"em", "f1", "contains_gold", "answered_share"} == set(answers.intervals)


def test_a_histogram_counts_every_request() -> None:
    """In bars of equal ratios once the slowest took twenty times the fastest; of nothing there is none."""
    wide, narrow = LatencyScores.of([1.0, 50.0, 400.0]), LatencyScores.of([10.0, 12.0, 12.0])
    assert wide is not None
    assert narrow is not None
    assert ((True, 3), (False, 3)) == ((wide.is_wide, sum(wide.counts)), (narrow.is_wide, sum(narrow.counts)))
    assert LatencyScores.of([]) is None


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    """A report of thousands of questions stays small."""
    curve = Separation.of([i / 7 for i in range(3000)], [i / 11 for i in range(3000)]).roc
    assert ((0.0, 0.0), (1.0, 1.0)) == (curve[0], curve[-1])
    assert 200 <= len(curve) <= 402


def test_the_files_are_written(tmp_path: Path) -> None:
    """JSON that reads back to the same report, Markdown that shows the picture, and two pictures."""
    files = write_report(WHOLE, tmp_path / "new")
    assert ["report.json", "report.md", "report.png", "quality.png"] == [file.name for file in files]
    assert WHOLE == Report.read_json(files[0])
    assert "(report.png)" in files[1].read_text(encoding="utf-8")
    assert [PNG, PNG] == [file.read_bytes()[:8] for file in files[2:]]


def test_several_reports_share_one_picture(tmp_path: Path) -> None:
    """Those that lack what is drawn are left out of it, and a picture of none of it is one all the same."""
    pictures = [tmp_path / "several.png", tmp_path / "none.png"]
    draw_quality([WHOLE, replace(WHOLE, dataset=None), EMPTY], pictures[0])
    draw_quality([EMPTY], pictures[1])
    assert [PNG, PNG] == [file.read_bytes()[:8] for file in pictures]


@pytest.mark.parametrize("missing", [*([name] for name in HEADINGS), list(HEADINGS)])
def test_any_section_may_be_missing(missing: list[str], tmp_path: Path) -> None:
    """Its table is not there, the others are, and the picture is drawn all the same."""
    report = replace(WHOLE, **{name: getattr(EMPTY, name) for name in missing})
    draw(report, tmp_path / "report.png")
    expected = [title for name, titles in HEADINGS.items() if name not in missing for title in titles]
    assert expected == re.findall(r"^## (.*)$", markdown(report), re.MULTILINE)
    assert [title for title in expected if title != "Notes" and title not in terminal(report)] == []


def test_empty_measurements_are_dashes(tmp_path: Path) -> None:
    """A run without questions reports that it measured nothing, instead of failing."""
    nothing = Report(
        retrieval={"dense": RetrievalScores.of([])},
        answers={"extractive": AnswerScores.of([], [], [], [])},
        citations=CitationScores.of([], []),
        abstention=Abstention(Separation.of([], []), None, ProductThreshold(None, None, None)),
    )
    write_report(nothing, tmp_path)
    assert "| dense | – | – | – | – | 0 |" in markdown(nothing)
    assert "| 0 | 0 | – | – |" in markdown(nothing)
    assert not re.search(r"\bnan\b", markdown(nothing), re.IGNORECASE)


def test_markdown_rows_have_the_columns_of_their_header() -> None:
    """A bar inside a name does not become a column."""
    text = markdown(WHOLE)
    assert "| is\\|land | en | es | 1 | 1 | 0 |" in text
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert 1 == len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()})


def test_the_terminal_shows_the_same_numbers() -> None:
    """Names in brackets are text, not markup."""
    text = terminal(replace(WHOLE, retrieval={"[dense]": RetrievalScores.of([1, 2, None, 1])}))
    assert "[dense]" in text
    assert "0.500" in text
    assert "- 1 of 1 passages aligned" in text


def test_a_dollar_in_a_name_is_no_formula(tmp_path: Path) -> None:
    """Nor does a long name run out of the picture."""
    assert WHOLE.dataset is not None
    write_report(replace(WHOLE, dataset=replace(WHOLE.dataset, name="a$\\b$" * 30)), tmp_path)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (score(0.12345), "0.123"),
        (score(None), "–"),
        (share(0.9), "90.0 %"),
        (milliseconds(3.14159), "3.14 ms"),
        (milliseconds(1234.5), "1,234 ms"),
        (milliseconds(65_000.0), "65.0 s"),
        (milliseconds(None), "–"),
    ],
)
def test_numbers_have_the_digits_that_count(written: str, expected: str) -> None:
    """And a dash stands for what was not measured."""
    assert expected == written
