"""Asks every question and puts the report together. What was done is kept in a journal, and a second run goes on."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from agent.engine.base import Engine
from agent.retrieval.embedder import Embedder
from agent.retrieval.reranker import Reranker
from agent.schemas import Mode
from agent.settings import Settings
from agent.store.documents import Document
from agent.store.store import Store
from evaluation.bench import Bench, build
from evaluation.environment import environment
from evaluation.journal import Journal
from evaluation.metrics import Given, Reliability, mean, precision_by_coverage, reliability
from evaluation.ranks import Ranker, embed
from evaluation.records import Record, record_of
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
from evaluation.subject import Asked

Progress = Callable[[str, int, int], None]
WITHOUT = "without"
RANKS = "ranks"

# The first questions pay for caches that later ones find warm; the figures say what a running service does.
_WARM_UP = 3
_REPORTED = (
    "top_k", "dense_weight", "min_relevance", "min_confidence", "chunk_tokens", "chunk_overlap_tokens", "base_model",
    "reranker_model", "context_tokens", "max_tokens",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parts:
    """What the product is made of for this evaluation."""

    engine: Engine
    embedder: Embedder
    reranker: Reranker | None
    settings: Settings


@dataclass(slots=True)
class Outcomes:
    """The records by question id: of each mode, and of the extractive one with the question's article taken away."""

    ranks: dict[str, dict[str, int | None]] = field(default_factory=dict)
    by_mode: dict[str, dict[str, Record]] = field(default_factory=dict)
    without: dict[str, Record] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One subject to evaluate.

    `store` is a store of its corpus; `documents` are that corpus again, where articles can be taken out of it.
    """

    section: DatasetSection
    asked: Sequence[Asked]
    store: Path
    documents: Sequence[Document]
    digest: str
    notes: tuple[str, ...] = ()

    def run(self, parts: Parts, modes: Sequence[Mode], out: Path, progress: Progress, *, restart: bool) -> Report:
        """Ask, and report.

        Raises:
            JournalRefused: see `evaluation.journal`.
        """
        opened = Store(self.store)
        index = opened.manifest.index_id
        settings = {name: getattr(parts.settings, name) for name in _REPORTED}
        fingerprint = {
            "dataset": self.digest, "index": index, "embedder": parts.embedder.fingerprint,
            "model": parts.engine.model, "settings": {name: str(value) for name, value in settings.items()},
        }  # fmt: skip
        outcomes = Outcomes()
        with Journal(out / "journal.jsonl", fingerprint, restart=restart) as journal:
            self._rank(opened, parts, journal, outcomes, progress)
            for mode in modes:
                outcomes.by_mode[mode] = self._ask(self.store, self.asked, parts, mode, mode, journal, progress)
            if "extractive" in modes and self.documents:
                outcomes.without = self._ask_without(parts, out, journal, progress)
        opened.close()
        where = environment(index=index, embedder=parts.embedder.name, settings=settings)
        return replace(self._report(outcomes), environment=where)

    def _rank(self, store: Store, parts: Parts, journal: Journal, outcomes: Outcomes, progress: Progress) -> None:
        asked = [one for one in self.asked if one.answerable]
        missing = [one for one in asked if f"{RANKS}:{one.id}" not in journal.results]
        ranker = Ranker(store, parts.settings, parts.reranker)
        queries = embed(missing, parts.embedder)
        for place, one in enumerate(missing):
            journal.add(f"{RANKS}:{one.id}", ranker.ranks(one, queries[one.id]))
            progress("Retrieval", place + 1, len(missing))
        outcomes.ranks = {one.id: journal.results[f"{RANKS}:{one.id}"] for one in asked}

    def _ask(
        self,
        store: Path,
        asked: Sequence[Asked],
        parts: Parts,
        mode: Mode,
        name: str,
        journal: Journal,
        progress: Progress,
    ) -> dict[str, Record]:
        missing = [one for one in asked if f"{name}:{one.id}" not in journal.results]
        if missing:
            bench = Bench(store, parts.engine, parts.embedder, parts.settings, parts.reranker)
            for one in missing[:_WARM_UP]:
                bench.ask(one, "extractive")
            for place, one in enumerate(missing):
                record = record_of(one, bench.ask(one, mode), bench.store.chunks.text_of)
                journal.add(f"{name}:{one.id}", record)
                progress(name.capitalize(), place + 1, len(missing))
            bench.close()
        return {one.id: cast(Record, journal.results[f"{name}:{one.id}"]) for one in asked}

    def _ask_without(self, parts: Parts, out: Path, journal: Journal, progress: Progress) -> dict[str, Record]:
        """The answerable questions of each article, asked of a corpus without it."""
        articles = {document.source: document.metadata["article"][0] for document in self.documents}
        records: dict[str, Record] = {}
        for article in sorted(set(articles.values())):
            rest = [document for document in self.documents if articles[document.source] != article]
            about = [one for one in self.asked if one.answerable and articles.get(one.gold_source or "") == article]
            if not rest or not about:
                continue
            store = out / WITHOUT
            if any(f"{WITHOUT}:{one.id}" not in journal.results for one in about):
                build(rest, store, parts.embedder, parts.settings, embedded_before=self.store)
            records |= self._ask(store, about, parts, "extractive", WITHOUT, journal, progress)
        return records

    # ------------------------------------------------------------------ report

    def _report(self, outcomes: Outcomes) -> Report:
        known = {one.id: one for one in self.asked}
        everything = [record for records in outcomes.by_mode.values() for record in records.values()]
        answered = [
            record
            for records in outcomes.by_mode.values()
            for number, record in records.items()
            if known[number].answerable and not record["abstained"]
        ]
        valid = [place < record["valid"] for record in everything for place in range(record["quotes"])]
        first = next(iter(outcomes.by_mode.values()), {})
        return Report(
            dataset=self.section,
            retrieval=_retrieval(outcomes.ranks.values()),
            answers={mode: _answers(records, known) for mode, records in outcomes.by_mode.items()},
            citations=CitationScores.of(valid, [record["cites_gold"] for record in answered]),
            abstention=_abstention(first, outcomes.without, known),
            calibration=_calibration(first, outcomes.without),
            latency=_latency(outcomes),
            notes=self.notes,
        )


def _retrieval(ranks: Iterable[dict[str, int | None]]) -> dict[str, RetrievalScores]:
    rows = list(ranks)
    systems = list(rows[0]) if rows else []
    return {system: RetrievalScores.of([row[system] for row in rows]) for system in systems}


def _answers(records: dict[str, Record], known: dict[str, Asked]) -> AnswerScores:
    """Over the answerable questions; an abstention counts as wrong."""
    rows = [record for number, record in records.items() if known[number].answerable]
    return AnswerScores.of(
        em=[value for row in rows if (value := row["em"]) is not None],
        f1=[value for row in rows if (value := row["f1"]) is not None],
        contains_gold=[float(row["right"]) for row in rows],
        answered=[not row["abstained"] for row in rows],
    )


def _abstention(records: dict[str, Record], without: dict[str, Record], known: dict[str, Asked]) -> Abstention:
    answerable = [row for number, row in records.items() if known[number].answerable]
    near = [row for number, row in records.items() if not known[number].answerable]
    absent = list(without.values())
    separation: dict[str, Any] = {}
    if answerable and absent:
        separation["out_of_corpus"] = Separation.of(
            [row["relevance"] for row in answerable], [row["relevance"] for row in absent]
        )
    if answerable and near:
        separation["unanswerable"] = Separation.of(
            [row["confidence"] for row in answerable], [row["confidence"] for row in near]
        )
    product = ProductThreshold(
        answer_rate=mean([float(not row["abstained"]) for row in answerable]),
        out_of_corpus_rejection=mean([float(row["abstained"]) for row in absent]),
        unanswerable_rejection=mean([float(row["abstained"]) for row in near]),
    )
    given = [
        Given(row["confidence"], row["right"], known[number].answerable)
        for number, row in records.items() if not row["abstained"]
    ]  # fmt: skip
    return Abstention(
        **separation,
        product=product,
        precision=precision_by_coverage([one for one in given if one.answerable], len(answerable)),
        precision_of_all=precision_by_coverage(given, len(answerable)),
    )


def _calibration(records: dict[str, Record], without: dict[str, Record]) -> Reliability | None:
    """Of all that was asked, as it came: answerable, nearly answerable, and about what is not there."""
    rows = [(row["confidence"], row["right"]) for row in records.values()]
    rows += [(row["confidence"], False) for row in without.values()]
    return reliability([sure for sure, _ in rows], [right for _, right in rows])


def _latency(outcomes: Outcomes) -> dict[str, LatencyScores]:
    found: dict[str, LatencyScores] = {}
    for mode, records in outcomes.by_mode.items():
        totals = LatencyScores.of([row["total_ms"] for row in records.values()])
        if totals is not None:
            found["total" if mode == "extractive" else f"total, {mode}"] = totals
    return found
