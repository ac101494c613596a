"""The report of `evaluation answers`: every figure of each system and group of questions, as JSON, tables and lines."""

import importlib.util
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console

from evaluation.answer_question import AnswerQuestion
from evaluation.answer_scores import ScoredAnswer, with_missing_contexts
from evaluation.environment import Environment
from evaluation.metrics import bootstrap_ratio_interval
from evaluation.output import markdown_of, show_tables
from evaluation.report import Interval
from evaluation.tables import NOTHING, Table, count, environment_table, score

ALL = "all"
_SEED = 0

# The columns of each table; a column without a value in any row is left out.
_QUALITY = {
    "recall": "recall", "complete": "complete", "wrong": "wrong", "rouge_l": "ROUGE-L",
    "abstention_precision": "abstention precision", "abstention_recall": "abstention recall",
}  # fmt: skip
_EVIDENCE = {
    "citation_precision": "citation precision", "citation_recall": "citation recall",
    "gold_citations": "citations of the gold passage", "undecided_citations": "undecided citations",
    "valid_quotes": "valid quotes", "in_context": "in the context", "context_tokens": "context tokens",
}  # fmt: skip
_COST = {
    "prompt_tokens": "prompt tokens", "completion_tokens": "completion tokens", "seconds": "seconds",
    "failed": "failed",
}  # fmt: skip
_BY_GROUP = {
    "recall": "recall", "complete": "complete", "rouge_l": "ROUGE-L", "wrong": "wrong", "citation_precision": "cit. P",
    "citation_recall": "cit. R", "in_context": "in context", "seconds": "seconds",
}  # fmt: skip
# Of these the tables of groups show the intervals; report.json has all.
_WITH_INTERVAL = frozenset(("recall", "complete", "rouge_l"))
_AMOUNTS = frozenset(("context_tokens", "prompt_tokens", "completion_tokens", "seconds"))


@dataclass(frozen=True, slots=True)
class AnswersReport:
    """Everything that was measured.

    Attributes:
        data: name of the questions.
        counts: questions and answerable questions of each group: `all`, `type=list`, `language=es`, `corpus=handbook`.
        figures: by system, group and name, always all of them; None where no question has a part of it.
        intervals: of the figures, at 95 %, by the same names.
    """

    data: str
    counts: Mapping[str, Mapping[str, int]]
    figures: Mapping[str, Mapping[str, Mapping[str, float | None]]]
    intervals: Mapping[str, Mapping[str, Mapping[str, Interval]]]
    environment: Environment | None = None
    notes: tuple[str, ...] = ()
    answers: tuple[ScoredAnswer, ...] = field(default=(), repr=False)

    @property
    def systems(self) -> tuple[str, ...]:
        """Their names, in the order in which they were asked."""
        return tuple(self.figures)

    def groups(self, kind: str) -> list[str]:
        """The groups of a kind, such as `type`, by name."""
        return sorted(group for group in self.counts if group.startswith(f"{kind}="))


def report_of(
    data: str,
    answers: Mapping[str, Sequence[ScoredAnswer]],
    environment: Environment | None = None,
    notes: tuple[str, ...] = (),
) -> AnswersReport:
    """The report of the answers of each system to the same questions."""
    rows = {system: with_missing_contexts(each) for system, each in answers.items()}
    names = [*_QUALITY, *_EVIDENCE, *_COST]
    grouped = {system: _grouped(each) for system, each in rows.items()}
    first = next(iter(grouped.values()), {})
    return AnswersReport(
        data=data,
        counts={group: _counts(row.question for row in each) for group, each in first.items()},
        figures={
            system: {group: {name: _figure(each, name) for name in names} for group, each in groups.items()}
            for system, groups in grouped.items()
        },
        intervals={
            system: {group: dict(_intervals(each, names)) for group, each in groups.items()}
            for system, groups in grouped.items()
        },
        environment=environment,
        notes=notes,
        answers=tuple(row for each in rows.values() for row in each),
    )


def write_answers_report(report: AnswersReport, folder: Path) -> list[Path]:
    """Write `report.json`, `report.md`, `answers.jsonl` and, where matplotlib is, `answers.png`; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / name for name in ("report.json", "report.md", "answers.jsonl", "answers.png")]
    files[0].write_text(_dump(as_figures(report), indent=2), encoding="utf-8")
    lines = sorted(report.answers, key=lambda row: row.question.id)
    files[2].write_text("".join(_dump(row.as_json()) for row in lines), encoding="utf-8")
    if importlib.util.find_spec("matplotlib") is None:
        files.pop()
    else:
        # It imports matplotlib, a development requirement.
        from evaluation.answers_plot import draw_answers

        draw_answers(report, files[3])
    picture = files[3].name if len(files) > 3 else None
    files[1].write_text(markdown_of("Answers", answer_tables(report), report.notes, picture), encoding="utf-8")
    return files


def as_figures(report: AnswersReport) -> dict[str, object]:
    """The report as JSON values, without the answers."""
    names = ("data", "counts", "figures", "intervals", "environment", "notes")
    return {name: asdict(value) if isinstance(value := getattr(report, name), Environment) else value for name in names}


def show_answers(report: AnswersReport, console: Console) -> None:
    """Print the report's tables."""
    show_tables(answer_tables(report), report.notes, console)


def answer_tables(report: AnswersReport) -> Iterator[Table]:
    """The figures of all questions, those of each group, and the environment."""
    whole = [((system,), system, ALL) for system in report.systems]
    numbers = report.counts.get(ALL, {"questions": 0, "answerable": 0})
    asked = f"{count(numbers['questions'])} questions, {count(numbers['answerable'])} of them answerable"
    note = f"{asked}. In parentheses the 95 % bootstrap interval over questions."
    yield _table("Answers", ("system",), _QUALITY, whole, report, note)
    yield _table("Evidence", ("system",), _EVIDENCE, whole, report)
    note = "Means; questions that are asked at the same time wait for each other."
    yield _table("Cost of a question", ("system",), _COST, whole, report, note)
    for kind in ("type", "language", "corpus"):
        groups = report.groups(kind)
        if len(groups) > 1:
            rows = [
                ((group.partition("=")[2], system, count(report.counts[group]["questions"])), system, group)
                for group in groups
                for system in report.systems
            ]
            yield _table(f"By {kind}", (kind, "system", "n"), _BY_GROUP, rows, report)
    if report.environment:
        yield environment_table(report.environment)


def _table(
    title: str,
    first: tuple[str, ...],
    columns: Mapping[str, str],
    rows: Sequence[tuple[tuple[str, ...], str, str]],
    report: AnswersReport,
    note: str = "",
) -> Table:
    """A table of the figures in `columns`; each row has the cells of the `first` columns, a system and a group."""
    used = {
        name: column
        for name, column in columns.items()
        if any(report.figures[system].get(group, {}).get(name) is not None for _, system, group in rows)
    }
    cells = tuple((*row, *(_cell(report, system, group, name) for name in used)) for row, system, group in rows)
    return Table(title, (*first, *used.values()), cells, note)


def _cell(report: AnswersReport, system: str, group: str, name: str) -> str:
    value = report.figures[system].get(group, {}).get(name)
    if value is None:
        return NOTHING
    if name in _AMOUNTS:
        return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    if group != ALL and name not in _WITH_INTERVAL:
        return score(value)
    low, high = report.intervals[system][group][name]
    return f"{score(value)} ({_short(low)}–{_short(high)})"


def _short(value: float) -> str:
    """A bound in a table that is to fit a terminal."""
    return f"{value:.2f}".removeprefix("0")


def _grouped(rows: Sequence[ScoredAnswer]) -> dict[str, list[ScoredAnswer]]:
    groups: dict[str, list[ScoredAnswer]] = {ALL: list(rows)}
    for kind in ("type", "language", "corpus"):
        for row in sorted(rows, key=lambda row: str(getattr(row.question, kind))):
            groups.setdefault(f"{kind}={getattr(row.question, kind)}", []).append(row)
    return groups


def _counts(questions: Iterable[AnswerQuestion]) -> dict[str, int]:
    asked = list(questions)
    return {"questions": len(asked), "answerable": sum(one.answerable for one in asked)}


def _figure(rows: Sequence[ScoredAnswer], name: str) -> float | None:
    parts = [row.parts[name] for row in rows if name in row.parts]
    below = sum(part[1] for part in parts)
    return sum(part[0] for part in parts) / below if below else None


def _intervals(rows: Sequence[ScoredAnswer], names: Sequence[str]) -> Iterator[tuple[str, Interval]]:
    for name in names:
        parts = [row.parts[name] for row in rows if name in row.parts]
        if (interval := bootstrap_ratio_interval(parts, _SEED)) is not None:
            yield name, interval


def _dump(value: object, indent: int | None = None) -> str:
    # Half a surrogate pair is no UTF-8, but a model may write one.
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n"
