"""Asks every question of every system, several at once, and scores the answers. What is done is kept in journals."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

import agent
from agent.errors import AskError
from agent.ingest.builder import ChunkSizes
from agent.ingest.loaders import find_files
from agent.ingest.sync import Watcher, sync
from agent.loading import Loaded, assemble
from agent.retrieval.retriever import Retriever
from agent.schemas import MAX_QUESTION_CHARS, AskRequest, Mode
from agent.store.store import Store
from evaluation.answer_question import AnswerQuestion
from evaluation.answer_scores import ScoredAnswer, score_answer
from evaluation.answers_report import AnswersReport, report_of
from evaluation.environment import environment
from evaluation.journal import Journal
from evaluation.outcome import Outcome, failure, outcome_of
from evaluation.plain_rag import PlainRag
from evaluation.run import Parts, Progress

PLAIN = "plain"
Ask = Callable[[AnswerQuestion], Awaitable[Outcome]]

_REPORTED = (
    "base_model", "top_k", "dense_weight", "min_relevance", "min_confidence", "chunk_tokens", "chunk_overlap_tokens",
    "reranker_model", "context_tokens", "max_tokens",
)  # fmt: skip
_AGENT = Path(agent.__file__).parent
# What the answers of a system depend on: those of the baseline not on how the product answers.
_CODE_OF_PLAIN = (
    *(_AGENT / room for room in ("engine", "retrieval", "store", "text")), Path(__file__).with_name("plain_rag.py"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AnswersEvaluation:
    """Questions about corpora.

    Attributes:
        name: of the questions.
        questions: what is asked.
        folders: the documents of each corpus that a question names.
        stores: where the stores are or will be, each named `store-<corpus>`.
    """

    name: str
    questions: Sequence[AnswerQuestion]
    folders: dict[str, Path]
    stores: Path

    def ingest(self, parts: Parts, progress: Progress) -> dict[str, str]:
        """Bring the store of each corpus up to date; the ids of the indexes.

        Raises:
            NothingToIngest, StoreBusy, OSError: see `agent.ingest.sync`.
        """
        sizes = ChunkSizes(parts.settings.chunk_tokens, parts.settings.chunk_overlap_tokens)
        indexes = {}
        for corpus in self._corpora():
            watcher = _watcher(f"Embedding {corpus}", progress)
            files = find_files([str(self.folders[corpus])])
            changes = sync(self._store(corpus), files, parts.embedder, sizes, watcher)
            assert changes.manifest is not None
            indexes[corpus] = changes.manifest.index_id
        return indexes

    def run(
        self,
        parts: Parts,
        systems: Sequence[str],
        out: Path,
        progress: Progress,
        *,
        at_once: int = 4,
        restart: bool = False,
    ) -> AnswersReport:
        """Ingest, ask each system, and report. `PLAIN` is the baseline, any other system a mode of the product.

        Raises:
            JournalRefused: see `evaluation.journal`.
            NothingToIngest, StoreBusy, OSError: see `ingest`.
        """
        indexes = self.ingest(parts, progress)
        scored: dict[str, list[ScoredAnswer]] = {}
        failed: list[str] = []
        for system in systems:
            fingerprint = self._fingerprint(system, parts, indexes)
            with Journal(out / f"journal-{system}.jsonl", fingerprint, restart=restart) as journal:
                asking = _Asking(system, journal, progress, at_once, len(self.questions))
                rows = [row for corpus in self._corpora() for row in self._of_corpus(corpus, parts, asking)]
            scored[system] = rows
            failed += [f"{system}: {row.question.id} ({code})" for row in rows if (code := row.outcome["error"])]
        settings = {name: getattr(parts.settings, name) for name in _REPORTED}
        where = environment(
            index=", ".join(f"{corpus} {index}" for corpus, index in indexes.items()),
            embedder=parts.embedder.name,
            settings={**settings, "model": parts.engine.model, "at_once": at_once},
        )
        notes = (f"Failed, and asked again by the next run: {', '.join(failed)}.",) if failed else ()
        return report_of(self.name, scored, where, notes)

    def _of_corpus(self, corpus: str, parts: Parts, asking: "_Asking") -> list[ScoredAnswer]:
        """The answers to the questions about one corpus, asked where they are missing."""
        questions = [question for question in self.questions if question.corpus == corpus]
        store = Store(self._store(corpus))
        settings = parts.settings.model_copy(update={"rag_store": self._store(corpus)})
        loaded = assemble(parts.engine, store, parts.embedder, settings, parts.reranker)
        try:
            outcomes = asyncio.run(asking.all(questions, _asker(asking.system, loaded, store, parts)))
            languages = {document.source: document.language for document, _ in store.chunks.documents()}
            text_of = cache(store.chunks.text_of)
            return [
                score_answer(asking.system, question, outcomes[question.id], text_of, languages)
                for question in questions
            ]
        finally:
            loaded.corpora.close()

    def _fingerprint(self, system: str, parts: Parts, indexes: dict[str, str]) -> dict[str, object]:
        asked = repr([(one.id, one.corpus, one.text) for one in self.questions])
        settings = parts.settings.model_dump(mode="json", include=set(_REPORTED))
        return {
            "questions": hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest(), "indexes": indexes,
            "embedder": parts.embedder.fingerprint, "model": parts.engine.model,
            "adapter": parts.engine.default_adapter, "settings": settings,
            "code": _digest(_CODE_OF_PLAIN if system == PLAIN else [_AGENT]),
        }  # fmt: skip

    def _corpora(self) -> list[str]:
        return sorted({question.corpus for question in self.questions})

    def _store(self, corpus: str) -> Path:
        return self.stores / f"store-{corpus}"


@dataclass(slots=True)
class _Asking:
    """One system, its journal, and how far it is."""

    system: str
    journal: Journal
    progress: Progress
    at_once: int
    total: int
    done: int = 0

    async def all(self, questions: Sequence[AnswerQuestion], ask: Ask) -> dict[str, Outcome]:
        """The outcomes by question id, `at_once` questions at a time; a failure is not kept in the journal."""
        gate = asyncio.Semaphore(self.at_once)

        async def one(question: AnswerQuestion) -> tuple[str, Outcome]:
            known = self.journal.results.get(question.id)
            if known is None:
                async with gate:
                    outcome = await ask(question)
                if outcome["error"] is None:
                    self.journal.add(question.id, outcome)
            else:
                outcome = cast(Outcome, known)
            self.done += 1
            self.progress(f"Asking {self.system}", self.done, self.total)
            return question.id, outcome

        return dict(await asyncio.gather(*(one(question) for question in questions)))


def _asker(system: str, loaded: Loaded, store: Store, parts: Parts) -> Ask:
    if system == PLAIN:
        retriever = Retriever(store, parts.settings.dense_weight, parts.reranker)
        plain = PlainRag(store, retriever, parts.embedder, parts.engine)
        return lambda question: plain.ask(question.text)
    return lambda question: _product(loaded, question, cast(Mode, system))


async def _product(loaded: Loaded, question: AnswerQuestion, mode: Mode) -> Outcome:
    """The outcome of the product's own pipeline."""
    started = time.monotonic()
    request = AskRequest(question=question.text[:MAX_QUESTION_CHARS], mode=mode)
    try:
        answer = await loaded.agent.answer(request, "evaluation", lambda _event: None)
    except AskError as error:
        return failure(error.code, question.language, time.monotonic() - started)
    return outcome_of(answer, time.monotonic() - started)


def _watcher(name: str, progress: Progress) -> Watcher:
    """Report the chunks that are embedded, of all that have to be."""
    state = {"done": 0, "total": 0}

    def total(chunks: int) -> None:
        state["total"] = chunks

    def embedded(done: int) -> None:
        state["done"] += done
        progress(name, state["done"], state["total"])

    return Watcher(total=total, embedded=embedded)


def _digest(roots: Iterable[Path]) -> str:
    """SHA-256 of the code and the weights that lie beside it."""
    digest = hashlib.sha256()
    files = [file for root in roots for file in (root.rglob("*") if root.is_dir() else [root])]
    for file in sorted(file for file in files if file.suffix in (".py", ".json")):
        digest.update(f"{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()
