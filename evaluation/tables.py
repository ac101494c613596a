"""A report as tables of text, the same for Markdown and for the terminal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from evaluation.environment import Environment
from evaluation.metrics import Reliability
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

NOTHING = "–"

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A heading, the columns' names, the rows, and a sentence on how to read them. The first column names the row."""

    title: str
    columns: Row
    rows: tuple[Row, ...]
    note: str = ""


def tables(report: Report) -> Iterator[Table]:
    """One table for each section that the report has."""
    if report.dataset:
        yield _dataset(report.dataset)
    if report.retrieval:
        yield _retrieval(report.retrieval)
    if report.answers:
        yield _answers(report.answers)
    if report.citations:
        yield _citations(report.citations)
    if report.abstention:
        yield from _abstention(report.abstention)
    if report.calibration:
        yield _calibration(report.calibration)
    if report.latency:
        yield _latency(report.latency)
    if report.environment:
        yield environment_table(report.environment)


def score(value: float | None) -> str:
    """A score from 0 to 1, or the dash of what was not measured."""
    return NOTHING if value is None else f"{value:.3f}"


def share(value: float | None) -> str:
    """A share as per cent."""
    return NOTHING if value is None else f"{100 * value:.1f} %"


def milliseconds(value: float | None) -> str:
    """A duration with three digits that count; seconds from ten on."""
    if value is None:
        return NOTHING
    if value >= 10_000:
        return f"{value / 1000:,.1f} s"
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.3g} ms"


def count(value: int) -> str:
    """A number of things."""
    return f"{value:,}"


def _dataset(section: DatasetSection) -> Table:
    columns = ("dataset", "passages in", "questions in", "passages", "questions", "answerable")
    counts = (count(number) for number in (section.passages, section.questions, section.answerable))
    return Table("Dataset", columns, ((section.name, section.language, section.question_language, *counts),))


def _retrieval(systems: Mapping[str, RetrievalScores]) -> Table:
    rows = tuple(
        (name, score(each.r1), score(each.r5), score(each.ndcg10), score(each.mrr), count(each.n))
        for name, each in systems.items()
    )
    columns = ("system", "recall@1", "recall@5", "nDCG@10", "MRR", "questions")
    return Table("Retrieval", columns, rows, "Rank of the one passage that holds the answer.")


def _answers(modes: Mapping[str, AnswerScores]) -> Table:
    def cell(each: AnswerScores, name: str, value: float | None) -> str:
        interval = each.intervals.get(name)
        return score(value) + (f" ({interval[0]:.2f}–{interval[1]:.2f})" if interval else "")

    rows = tuple(
        (
            name,
            cell(each, "em", each.em),
            cell(each, "f1", each.f1),
            cell(each, "contains_gold", each.contains_gold),
            cell(each, "answered_share", each.answered_share),
            count(each.n),
        )
        for name, each in modes.items()
    )
    columns = ("mode", "exact match", "F1", "holds a gold", "answered", "questions")
    note = "In parentheses the 95 % bootstrap interval." if any(each.intervals for each in modes.values()) else ""
    return Table("Answers", columns, rows, note)


def _citations(scores: CitationScores) -> Table:
    columns = ("quotes", "valid", "share valid", "answers that quote a gold passage")
    row = (count(scores.quotes), count(scores.valid), share(scores.valid_share), share(scores.gold_recall))
    return Table("Citations", columns, (row,), "A quote is valid when it is in its source, byte for byte.")


def _abstention(section: Abstention) -> Iterator[Table]:
    kinds = (("out of corpus", section.out_of_corpus), ("unanswerable", section.unanswerable))
    rows = tuple(_separation(name, found) for name, found in kinds if found)
    if rows:
        columns = (
            "questions without an answer",
            "AUROC",
            "rejected at 95 %",
            "threshold",
            "answerable",
            "unanswerable",
        )
        note = "Rejected at 95 %: by the threshold that still answers 95 % of the answerable questions."
        yield Table("Abstention", columns, rows, note)
    if section.product:
        yield _product(section.product)


def _product(rates: ProductThreshold) -> Table:
    columns = ("answerable: answered", "out of corpus: rejected", "unanswerable: rejected")
    row = (share(rates.answer_rate), share(rates.out_of_corpus_rejection), share(rates.unanswerable_rejection))
    return Table("Abstention at the product's own threshold", columns, (row,))


def _separation(name: str, found: Separation) -> Row:
    rates = (score(found.auroc), share(found.rejected_at_95), score(found.threshold))
    return (name, *rates, count(found.n_pos), count(found.n_neg))


def _calibration(found: Reliability) -> Table:
    rows = tuple(
        (f"{one.lower:.2f} to {one.upper:.2f}", count(one.count), score(one.confidence), score(one.accuracy))
        for one in found.bins
    )
    note = f"Expected calibration error {score(found.ece)}, Brier score {score(found.brier)}; 0 is perfect for both."
    return Table("Calibration", ("confidence", "answers", "mean confidence", "right"), rows, note)


def _latency(steps: Mapping[str, LatencyScores]) -> Table:
    rows = tuple(
        (name, milliseconds(each.p50), milliseconds(each.p95), milliseconds(each.p99), count(each.n))
        for name, each in steps.items()
    )
    return Table("Latency", ("step", "p50", "p95", "p99", "requests"), rows)


def environment_table(found: Environment) -> Table:
    """The machine, the moment, the versions and the settings."""
    memory = NOTHING if found.memory_gib is None else f"{found.memory_gib:g} GiB"
    cores = NOTHING if found.cores is None else str(found.cores)
    rows = [
        ("CPU", found.cpu or NOTHING),
        ("cores", cores),
        ("memory", memory),
        ("GPU", found.gpu or NOTHING),
        ("date", found.date),
        ("command", found.command),
        ("index", found.index or NOTHING),
        ("embedder", found.embedder or NOTHING),
        ("versions", ", ".join(f"{name} {version}" for name, version in found.versions.items())),
        *((f"setting {name}", value) for name, value in found.settings.items()),
    ]
    return Table("Environment", ("what", "value"), tuple(rows))
