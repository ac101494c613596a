"""Asks base model and adapter the same questions: same prompts, same greedy decoding."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from agent.answering.budgets import Budgets
from agent.answering.calibration import Calibration
from agent.answering.prompts.short import NOTHING
from agent.answering.strategies.short_draft import Draft, ShortAnswerer
from agent.loading import assemble
from agent.retrieval.embedder import Embedder
from agent.retrieval.evidence import Evidence
from agent.retrieval.finding import Finding
from agent.retrieval.query import make_queries
from agent.schemas import AskRequest, Language
from agent.settings import Settings
from agent.store.store import Store
from agent.text.language import detect_language
from evaluation.records import record_of
from evaluation.squad import contains_gold, exact_match, f1
from evaluation.subject import Asked
from training.figures import Row
from training.memo import MemoEngine


class Examiner:
    """Puts questions to a model with and without an adapter, over the store in `folder`."""

    def __init__(self, engine: MemoEngine, embedder: Embedder, settings: Settings, folder: Path) -> None:
        self._engine = engine
        self._embedder = embedder
        self._settings = settings.model_copy(update={"rag_store": folder})
        budgets = Budgets.of(settings, engine)
        self._answerer = ShortAnswerer(
            engine, budgets.short_sentences, budgets.short_context_tokens, budgets.short_max_tokens
        )
        self._calibration = Calibration.for_embedder(embedder.name)
        self._store = Store(folder)
        self._loaded = assemble(engine, self._store, embedder, self._settings)

    def close(self) -> None:
        """Close the store; the engine is the caller's."""
        self._loaded.corpora.close()

    def examine(self, asked: Asked, adapter: str | None, *, gold_alone: bool = True) -> Row:
        """What comes of the question; `gold_alone` also asks about the sentences of its own passage only."""
        return asyncio.run(self._examine(asked, adapter, gold_alone))

    async def _examine(self, asked: Asked, adapter: str | None, gold_alone: bool) -> Row:
        language = detect_language(asked.text)
        request = AskRequest(question=asked.text[:4000], mode="short", adapter=adapter)
        finding = self._find(asked.text, language, {})
        draft = await self._draft(request, finding.evidence, language)
        answer = await self._loaded.agent.answer(request, "evaluation", lambda _event: None)
        record = record_of(asked, answer, self._store.chunks.text_of)
        best = finding.evidence[0] if finding.evidence else None
        picked = draft.picked(best) if best is not None else None
        golds = asked.answers if asked.answerable else ()
        alone = None
        if gold_alone and asked.answerable and asked.gold_source is not None:
            gold = self._find(asked.text, language, {"source": asked.gold_source})
            alone = (await self._draft(request, gold.evidence, language)).reading
        reading = draft.reading
        return Row(
            language=language,
            answerable=asked.answerable,
            picked=reading.picked,
            nothing=reading.nothing if reading.nothing is not None else 0.0,
            finds_nothing=reading.finds_nothing,
            certainty=reading.certainty,
            retrieval=self._calibration.confidence(finding.signals) if finding.signals else 0.0,
            agrees=picked is best,
            picked_right=asked.answerable and _has_answer(asked, picked),
            ranked_right=asked.answerable and _has_answer(asked, best),
            f1=f1(reading.text, golds, language),
            em=exact_match(reading.text, golds, language),
            copied=_is_copy(draft),
            tokens=reading.usage.completion_tokens,
            ms=reading.generation_ms,
            answered=not record["abstained"],
            right=record["right"],
            quotes=record["quotes"],
            valid=record["valid"],
            confidence=record["confidence"],
            grammar=_follows_grammar(draft),
            f1_gold=f1(alone.text, golds, language) if alone else None,
            em_gold=exact_match(alone.text, golds, language) if alone else None,
        )

    def _find(self, question: str, language: Language, filters: dict[str, str]) -> Finding:
        queries = make_queries([question], language, self._embedder)
        with self._loaded.corpora.lease() as corpus:
            return corpus.finder.find(queries, self._settings.top_k, filters)

    async def _draft(self, request: AskRequest, evidence: Sequence[Evidence], language: Language) -> Draft:
        return await self._answerer.draft(request, evidence, request.adapter, language, lambda _text: None)


def _has_answer(asked: Asked, evidence: Evidence | None) -> bool:
    if evidence is None:
        return False
    if asked.answers:
        return contains_gold(evidence.sentence.text, asked.answers, asked.language)
    return asked.is_gold(evidence.passage.chunk.source, evidence.sentence.start, evidence.sentence.end)


def _follows_grammar(draft: Draft) -> bool:
    """It ended by itself, with the number of a sentence behind a wording, or with nothing but that of none."""
    reading = draft.reading
    if not reading.complete or reading.picked is None:
        return False
    return reading.picked == NOTHING if not reading.text else 1 <= reading.picked <= len(draft.allowed)


def _is_copy(draft: Draft) -> bool:
    source = " ".join(draft.allowed[0].sentence.text.split()) if draft.allowed else ""
    return bool(draft.reading.picked) and " ".join(draft.reading.text.split()) in source
