"""MultiAgent: Router, Planner, Retriever, Answerer and Verifier, in turn, each leaving a step in the trace."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from agent.answering.abstention import NOTHING_ABOUT, NOTHING_VERIFIED, UNANSWERED, about_corpus
from agent.answering.adapter_calibration import AdapterCalibrations
from agent.answering.answerer import Answerer, Draft
from agent.answering.calibration import Calibration, ReaderCalibration
from agent.answering.composition import CitedText
from agent.answering.request_context import RequestContext
from agent.answering.rewriting import Part, Plan, plan
from agent.answering.router import QUESTION, Decision, Router
from agent.answering.scored_subquery import ScoredSubquery, evidence_of, nearest_of, passages_of
from agent.answering.verification import Verdict, Verifier, quote
from agent.corpus import LiveCorpus
from agent.engine.base import Engine
from agent.errors import NoLanguageModel, PromptTooLong, UnknownAdapter
from agent.events import Emit
from agent.retrieval.embedder import Embedder
from agent.retrieval.evidence import Evidence
from agent.retrieval.query import Query, make_queries
from agent.retrieval.retriever import Passage
from agent.schemas import (
    Answer,
    AskRequest,
    DeltaEvent,
    Reason,
    Source,
    SourcesEvent,
)
from agent.settings import Settings
from agent.telemetry import signals
from agent.telemetry.clock import ms_since
from agent.telemetry.tracing import span
from agent.text.language import detect_language


class MultiAgent:
    """Answers questions from one corpus with one engine.

    Args:
        engine: what generates.
        corpora: what the documents are at the moment.
        embedder: the one that built them.
        settings: top_k, context size, thresholds.
        router: of that embedder.
    """

    def __init__(
        self, engine: Engine, corpora: LiveCorpus, embedder: Embedder, settings: Settings, router: Router
    ) -> None:  # fmt: skip
        self._engine = engine
        self._corpora = corpora
        self._embedder = embedder
        self._settings = settings
        self._calibration = Calibration.for_embedder(embedder.name)
        self._router = router
        self._answerer = Answerer(engine, settings.context_sentences, settings.context_tokens, settings.max_tokens)
        self._readers = AdapterCalibrations(engine)
        self._verifier = Verifier()

    @property
    def capacity(self) -> int:
        """Answers that can be generated at once."""
        return self._engine.capacity

    async def answer(
        self,
        request: AskRequest,
        request_id: str,
        emit: Emit,
        *,
        cold_start: bool = False,
        salt: bytes = b"",
        deadline: float | None = None,
    ) -> Answer:
        """The verified answer; `salt` and `deadline` are as for `Engine.generate`.

        Raises:
            UnknownAdapter, UnknownFilter, NoLanguageModel, PromptTooLong, GenerationFailed: see `agent.errors`.
        """
        adapter = self._adapter_for(request)
        if request.mode == "generative" and self._engine.context_length == 0:
            raise NoLanguageModel(param="mode")
        asked_in = detect_language(request.question)
        language = asked_in if request.language == "auto" else request.language
        started = time.monotonic()
        await self._corpora.catch_up()
        with self._corpora.lease() as corpus:
            model = self._engine.model
            asking = RequestContext(
                request, request_id, language, asked_in, corpus, emit, cold_start, model, adapter, started,
                salt=salt, deadline=deadline,
            )  # fmt: skip
            with span(signals.AGENT, {signals.OPERATION: "invoke_agent", signals.DATA_SOURCE: corpus.index_id}):
                return await self._answer(asking)

    def _adapter_for(self, request: AskRequest) -> str | None:
        adapter = self._answerer.adapter_for(request)
        if adapter is not None and not self._engine.has_adapter(adapter):
            raise UnknownAdapter(param="adapter")
        return adapter

    async def _answer(self, asking: RequestContext) -> Answer:
        request, language = asking.request, asking.language
        planned = plan(request.question, request.history, asking.asked_in)
        decision = self._router.by_rules(request.question, language)
        texts = list(dict.fromkeys(text for part in planned.parts for text in part.queries)) or [request.question]
        queries: dict[str, Query] = {}
        if decision is None:
            queries = await self._embed(asking, texts)
            may_be_chat = planned.route == "question"
            decision = self._router.by_prototypes(queries[texts[0]], language) if may_be_chat else QUESTION
        asking.route = planned.route if decision.route == "question" else decision.route
        asking.step("router", decision.kind, language=language, route=asking.route, queries=len(queries))
        if decision.route != "question":
            return self._reply(asking, decision)
        if not planned.parts:
            return self._abstain(asking, "underspecified", [])
        return await self._from_documents(asking, planned, queries)

    async def _embed(self, asking: RequestContext, texts: Sequence[str]) -> dict[str, Query]:
        started = time.monotonic()
        name = self._embedder.name
        with span(
            signals.EMBEDDINGS.format(model=name),
            {signals.OPERATION: "embeddings", signals.PROVIDER: signals.PROVIDER_NAME, signals.REQUEST_MODEL: name},
        ):
            made = await asyncio.to_thread(make_queries, texts, asking.asked_in, self._embedder)
        asking.timed(retrieval_ms=ms_since(started))
        return dict(zip(texts, made, strict=True))

    async def _from_documents(self, asking: RequestContext, planned: Plan, queries: dict[str, Query]) -> Answer:
        judged = [await self._find(asking, part, [queries[text] for text in part.queries]) for part in planned.parts]
        self._report_found(asking, judged)
        relevant = [item for item in judged if item.finding.evidence and item.relevance >= self._settings.min_relevance]
        if not relevant:
            return self._abstain(asking, "out_of_corpus", judged)
        passages = passages_of(relevant)
        asking.emit(SourcesEvent(sources=[_source(passage) for passage in passages]))
        if asking.request.mode == "extractive" or self._engine.context_length == 0:
            return self._finish_extracted(asking, judged, relevant)
        reader = self._readers.of(asking.adapter, asking.asked_in) if asking.request.mode == "auto" else None
        if reader is not None:
            # It answers one question in the fewest words; parts of a question are quoted.
            read = await self._read(asking, reader, relevant[0]) if len(judged) == 1 else None
            return read or self._finish_extracted(asking, judged, relevant)
        worded = await self._word(asking, relevant)
        if worded is not None:
            return self._finish_worded(asking, *worded, judged, relevant)
        if asking.request.mode == "generative":
            return self._abstain(asking, "unsupported", judged)
        return self._finish_extracted(asking, judged, relevant)

    async def _find(self, asking: RequestContext, part: Part, queries: Sequence[Query]) -> ScoredSubquery:
        top_k = asking.request.top_k or self._settings.top_k
        index = asking.corpus.index_id
        with span(
            signals.RETRIEVAL.format(index=index),
            {signals.OPERATION: "retrieval", signals.DATA_SOURCE: index, signals.TOP_K: top_k},
        ) as retrieval:
            finding = await asyncio.to_thread(asking.corpus.finder.find, queries, top_k, asking.request.filters)
            best = max((passage.dense for passage in finding.passages), default=None)
            retrieval.set({signals.PASSAGES: len(finding.passages), signals.TOP_SCORE: best})
        if finding.signals is None:
            return ScoredSubquery(part, finding, 0.0, 0.0)
        relevance, confidence = self._calibration.relevance, self._calibration.confidence
        return ScoredSubquery(part, finding, relevance(finding.signals), confidence(finding.signals))

    async def _read(self, asking: RequestContext, reader: ReaderCalibration, part: ScoredSubquery) -> Answer | None:
        """The answer of an adapter that knows when nothing answers: its words where they stand in its evidence, else
        that evidence or the best by ranking, whichever its calibration trusts; or an abstention. None when it has not
        said.
        """
        draft = await self._draft(asking, part.finding.evidence)
        if draft is None or (nothing := draft.reading.nothing) is None:
            return None
        reading, best = draft.reading, part.finding.evidence[0]
        picked = draft.picked(best)
        confidence = reader.confidence(part.confidence, nothing, reading.certainty, picked is best)
        if confidence < self._settings.min_confidence:
            return self._abstain(asking, "unsupported", [replace(part, confidence=confidence)])
        quoted = picked if reading.certainty >= reader.least_picking else best
        if reading.certainty >= reader.least_certainty and quoted is picked:
            verdict = self._verify(asking, draft)
            if verdict.evidence is not None:
                return self._finish_worded(asking, verdict, confidence, [part], [part])
        answer = CitedText()
        quote(answer, quoted, asking.language)
        self._conclude(asking, "extract", confidence, kept=1)
        return asking.finish(answer, confidence)

    async def _word(self, asking: RequestContext, relevant: Sequence[ScoredSubquery]) -> tuple[Verdict, float] | None:
        """What of the model's wording stands, and how sure that is; None when nothing does, or a quote is better."""
        draft = await self._draft(asking, evidence_of(relevant))
        if draft is None or draft.reading.finds_nothing:
            return None
        verdict = self._verify(asking, draft)
        if verdict.evidence is None:
            return None
        part = next(item for item in relevant if verdict.evidence in item.finding.evidence)
        if asking.request.mode == "auto" and verdict.evidence is not part.finding.evidence[0]:
            # Small models pick worse evidence than the ranking does (measured in docs/evaluation.md).
            return None
        confidence = self._calibration.confidence(part.finding.signals_for(verdict.evidence)) * verdict.support
        return (verdict, confidence) if confidence >= self._settings.min_confidence else None

    def _verify(self, asking: RequestContext, draft: Draft) -> Verdict:
        with span(signals.VERIFY) as verification:
            verdict = self._verifier.verify(asking.request.question, draft, asking.language)
            verification.set({signals.DECISION: "nothing" if verdict.evidence is None else "kept"})
            return verdict

    async def _draft(self, asking: RequestContext, evidence: Sequence[Evidence]) -> Draft | None:
        """What the model writes; None where a quote can stand for what it cannot read."""

        def on_text(text: str) -> None:
            asking.emit(DeltaEvent(text=text))

        try:
            draft = await self._answerer.draft(
                asking.request, evidence, asking.language, on_text, salt=asking.salt, deadline=asking.deadline
            )
        except PromptTooLong:
            if asking.request.mode == "generative":
                raise
            asking.step("answerer", "too_long")
            return None
        reading = draft.reading
        decision = "nothing" if reading.finds_nothing else "complete" if reading.complete else "cut"
        nothing = None if reading.nothing is None else round(reading.nothing, 3)
        asking.step("answerer", decision, sentences=[_read(evidence) for evidence in draft.allowed], nothing=nothing)
        asking.usage = reading.usage
        asking.timed(
            queue_ms=reading.queue_ms,
            time_to_first_token_ms=reading.first_token_ms,
            generation_ms=reading.generation_ms,
        )
        return draft

    def _finish_worded(
        self,
        asking: RequestContext,
        verdict: Verdict,
        confidence: float,
        judged: Sequence[ScoredSubquery],
        relevant: Sequence[ScoredSubquery],
    ) -> Answer:
        """The model's words, and a quote for each part of the question that they leave out."""
        answer, confidences = verdict.answer, [confidence]
        left_out = [item for item in relevant if not item.answered_by(answer)]
        if len(relevant) > 1 and asking.request.mode == "auto":
            confidences += self._quote_best(asking, answer, left_out)
        support = round(verdict.support, 3)
        self._conclude(asking, "model", min(confidences), kept=verdict.kept, dropped=verdict.dropped, support=support)
        self._mention_missing(asking, answer, judged)
        return asking.finish(answer, min(confidences))

    def _finish_extracted(
        self, asking: RequestContext, judged: Sequence[ScoredSubquery], relevant: Sequence[ScoredSubquery]
    ) -> Answer:
        """The best sentence of each part that has one good enough."""
        answer = CitedText()
        confidences = self._quote_best(asking, answer, relevant)
        if not confidences:
            return self._abstain(asking, "unsupported", judged)
        self._conclude(asking, "extract", min(confidences), kept=len(answer.citations))
        self._mention_missing(asking, answer, judged)
        return asking.finish(answer, min(confidences))

    def _quote_best(self, asking: RequestContext, answer: CitedText, parts: Sequence[ScoredSubquery]) -> list[float]:
        """Quote the best sentence of each part that has one good enough, none twice; how sure each of these is."""
        quotable = [item for item in parts if item.confidence >= self._settings.min_confidence]
        for item in quotable:
            best = item.finding.evidence[0]
            if not answer.cites(best):
                quote(answer, best, asking.language)
        return [item.confidence for item in quotable]

    def _mention_missing(self, asking: RequestContext, answer: CitedText, judged: Sequence[ScoredSubquery]) -> None:
        """Say of which part of the question there is nothing; a question of one part has its answer."""
        if len(judged) == 1:
            return
        for item in judged:
            if item.relevance < self._settings.min_relevance:
                answer.say(NOTHING_ABOUT[asking.language].format(item.part.text))
            elif not item.answered_by(answer):
                answer.say(NOTHING_VERIFIED[asking.language].format(item.part.text))

    def _report_found(self, asking: RequestContext, judged: Sequence[ScoredSubquery]) -> None:
        decision = "found" if any(item.finding.passages for item in judged) else "nothing"
        parts = [item.details() for item in judged]
        ms = asking.step("retriever", decision, min_relevance=self._settings.min_relevance, parts=parts)
        # Embedding the question belongs to it, although the Router needs the vector first.
        asking.timed(retrieval_ms=round(ms + (asking.timings.retrieval_ms or 0.0), 1))

    def _conclude(self, asking: RequestContext, decision: str, confidence: float, **details: Any) -> None:  # noqa: ANN401 - JSON
        """The Verifier's step, with the confidence that was held against the least that an answer needs."""
        least = self._settings.min_confidence
        asking.step("verifier", decision, **details, confidence=round(confidence, 3), min_confidence=least)

    def _reply(self, asking: RequestContext, decision: Decision) -> Answer:
        answer = CitedText()
        if decision.route == "corpus":
            about_corpus(answer, asking.corpus.titles, asking.language)
        else:
            answer.say(decision.reply or "")
        return asking.finish(answer, 1.0)

    def _abstain(self, asking: RequestContext, reason: Reason, judged: Sequence[ScoredSubquery]) -> Answer:
        confidence = max((item.confidence for item in judged), default=0.0)
        if reason == "unsupported":
            self._conclude(asking, "abstained", confidence, reason=reason)
        else:
            asking.step("verifier", "abstained", reason=reason)
        answer = CitedText()
        answer.say(UNANSWERED[reason][asking.language])
        return asking.finish(answer, confidence, reason=reason, nearest=nearest_of(judged))


def _read(evidence: Evidence) -> dict[str, Any]:
    """What the trace says of a sentence that the model read."""
    return {
        "source": evidence.passage.chunk.source,
        "start": evidence.sentence.start,
        "text": evidence.sentence.text,
        "cosine": round(evidence.cosine, 4),
    }


def _source(passage: Passage) -> Source:
    chunk = passage.chunk
    return Source(
        source=chunk.source, title=chunk.title, heading=chunk.heading, page=chunk.page, score=round(passage.dense, 4)
    )
