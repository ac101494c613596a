"""Questions with known answers, and the store that they are asked of."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agent.retrieval.embedder import Embedder
from agent.settings import Settings
from agent.store.documents import Document
from agent.store.store import Store
from evaluation.bench import build
from evaluation.corpus_question import CorpusQuestion, load_jsonl
from evaluation.squad_file import load_squad
from evaluation.subject import Asked, asked_of, asked_of_corpus, documents_of
from training.errors import Refused
from training.question import line_id


@dataclass(frozen=True, slots=True)
class Subject:
    """One file's questions. `documents` are the passages that it brings, None when they are in the user's `store`."""

    name: str
    asked: Sequence[Asked]
    documents: Sequence[Document] | None
    store: Path | None

    @property
    def digest(self) -> str:
        """SHA-256 of the questions."""
        return hashlib.sha256(repr(self.asked).encode()).hexdigest()

    def some(self, limit: int | None, seed: int) -> Sequence[Asked]:
        """At most `limit` of the questions, drawn by the seed, in their order; a larger limit adds to a smaller one."""
        if limit is None:
            return self.asked
        lot = {one.id: hashlib.sha256(f"{seed}:{one.id}".encode()).digest() for one in self.asked}
        drawn = set(sorted(lot, key=lot.__getitem__)[:limit])
        return [one for one in self.asked if one.id in drawn]

    def prepare(self, work: Path, embedder: Embedder, settings: Settings) -> Path:
        """The store's folder; that of passages is made under `work`."""
        if self.documents is None:
            assert self.store is not None
            return self.store
        return build(self.documents, work / self.name, embedder, settings)


def read_subject(path: Path, store: Path | None) -> Subject:
    """The questions of a SQuAD-format file, or JSON lines about the documents of `store`.

    Raises:
        InvalidDataset: as the readers of both.
        Refused: a quote is not in its document.
    """
    if path.suffix != ".jsonl":
        dataset = load_squad(path)
        return Subject(dataset.name, asked_of(dataset), documents_of(dataset), None)
    assert store is not None
    opened = Store(store)
    try:
        texts = {document.source: document.text for document, _ in opened.chunks.documents()}
        asked = asked_of_corpus([_named(path, question) for question in load_jsonl(path)], texts)
        return Subject(path.stem, asked, None, store)
    except ValueError as error:
        raise Refused(f"{path.name}, {error}.") from error
    finally:
        opened.close()


def _named(path: Path, question: CorpusQuestion) -> CorpusQuestion:
    """Named as its training examples are; without an answer, the quote is it."""
    return replace(question, id=line_id(path, question), answer=question.answer or question.quote)
