"""What our own retriever finds for each question: what a model would read, right sentences and hard wrong ones."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.retrieval.embedder import Embedder
from agent.retrieval.evidence import Evidence
from agent.retrieval.finding import Finder
from agent.retrieval.query import make_queries
from agent.retrieval.retriever import Retriever
from agent.settings import Settings
from agent.store.store import Store
from training.question import Question

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Mined:
    """A question and the sentences of the passages found for it, best first.

    `gold` are those that hold the answer, whether they were found or not.
    """

    question: Question
    evidence: tuple[Evidence, ...]
    gold: tuple[Evidence, ...]


def mine(
    questions: Sequence[Question],
    folder: Path,
    embedder: Embedder,
    settings: Settings,
    progress: Callable[[int], None] = lambda _count: None,
) -> Iterator[Mined]:
    """Each question with what the store in `folder` has on it; those of which the store has nothing are left out."""
    store = Store(folder)
    try:
        finder = Finder(store, Retriever(store, settings.dense_weight))
        for at in range(0, len(questions), _BATCH):
            batch = questions[at : at + _BATCH]
            for language in sorted({question.language for question in batch}):
                own = [question for question in batch if question.language == language]
                queries = make_queries([question.text for question in own], language, embedder)
                for question, query in zip(own, queries, strict=True):
                    finding = finder.find([query], settings.top_k, {})
                    if finding.signals is not None:
                        gold = tuple(item for item in finding.evidence if holds(question, item))
                        yield Mined(question, finding.evidence, gold)
            progress(len(batch))
    finally:
        store.close()


def holds(question: Question, item: Evidence) -> bool:
    """Whether this sentence is where the answer stands."""
    if question.gold is None:
        return False
    start, end = question.gold
    inside = item.sentence.start < end and start < item.sentence.end
    return inside and item.passage.chunk.source == question.about
