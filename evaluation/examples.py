"""Questions with the signals that the product saw for them, to learn from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.retrieval.embedder import Embedder
from agent.retrieval.finding import Finder, Finding, Signals
from agent.retrieval.query import Query
from agent.retrieval.retriever import Retriever
from agent.settings import Settings
from agent.store.store import Store
from evaluation.bench import build
from evaluation.dataset import Dataset
from evaluation.ranks import embed
from evaluation.squad import contains_gold
from evaluation.subject import Asked, documents_of

Kind = Literal["answered", "near", "absent"]


@dataclass(frozen=True, slots=True)
class Example:
    """What was seen, what kind of question it was, and whether the best sentence was right."""

    signals: Signals
    kind: Kind
    right: bool


def gather(
    dataset: Dataset,
    asked: list[Asked],
    folder: Path,
    embedder: Embedder,
    settings: Settings,
    progress: Callable[[int], None],
) -> Iterator[Example]:
    """An example for each question over the whole corpus, and one for each answerable question without its article."""
    documents = documents_of(dataset)
    whole = build(documents, folder / "whole", embedder, settings)
    queries = embed(asked, embedder)
    yield from _search(whole, asked, queries, settings, absent=False, progress=progress)
    for article in sorted({passage.article for passage in dataset.passages}):
        rest = [document for document in documents if document.metadata["article"] != (article,)]
        gone = {passage.id for passage in dataset.passages if passage.article == article}
        about = [one for one in asked if one.answerable and one.gold_source in gone]
        if rest and about:
            store = build(rest, folder / "without", embedder, settings, embedded_before=whole)
            yield from _search(store, about, queries, settings, absent=True, progress=progress)


def _search(
    folder: Path,
    asked: list[Asked],
    queries: dict[str, Query],
    settings: Settings,
    *,
    absent: bool,
    progress: Callable[[int], None],
) -> Iterator[Example]:
    store = Store(folder)
    finder = Finder(store, Retriever(store, settings.dense_weight))
    for one in asked:
        finding = finder.find([queries[one.id]], settings.top_k, {})
        if finding.signals is not None:
            kind: Kind = "absent" if absent else "answered" if one.answerable else "near"
            yield Example(finding.signals, kind, kind == "answered" and _is_right(one, finding))
        progress(1)
    store.close()


def _is_right(asked: Asked, finding: Finding) -> bool:
    best = finding.evidence[0]
    if asked.answers:
        return contains_gold(best.sentence.text, asked.answers, asked.language)
    return asked.is_gold(best.passage.chunk.source, best.sentence.start, best.sentence.end)
