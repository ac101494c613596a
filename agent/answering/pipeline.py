"""MultiAgent: the way of a question to its answer, one method that reads top to bottom.

    rewrite ─> route ─> search each sub-query ─> build context ─> strategy ─> compose or abstain
                        raw question kept        whole blocks     draft, attribution, verification

Each part leaves a step in the trace.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from agent.answering.abstention import NOTHING_ABOUT, NOTHING_VERIFIED, UNANSWERED, Limits, about_corpus
from agent.answering.adapter_calibration import AdapterCalibrations
from agent.answering.budgets import Budgets, UsualTokens
from agent.answering.calibration import Calibration
from agent.answering.composition import AnswerComposer
from agent.answering.context_builder import ContextBuilder, ContextPassage
from agent.answering.generation import Generator
from agent.answering.prompts.instructions import repeats_instructions
from agent.answering.request_context import RequestContext
from agent.answering.rewriting import Rewriter, Rewriting, Subquery, rewrite
from agent.answering.router import QUESTION, Decision, Router
from agent.answering.scored_subquery import ScoredSubquery, SearchResult, nearest_of, passages_of
from agent.answering.strategies.extractive import answer_by_quotes
from agent.answering.strategies.grounded import GroundedStrategy
from agent.answering.strategies.outcome import Outcome, Refusal
from agent.answering.strategies.selection import Choice, choose
from agent.answering.strategies.short import ShortStrategy
from agent.corpus import LiveCorpus
from agent.engine.base import Engine
from agent.errors import UnknownAdapter
from agent.events import Emit
from agent.retrieval.embedder import Embedder
from agent.retrieval.query import Query, make_queries
from agent.schemas import Answer, AskRequest, Reason, Source, SourcesEvent
from agent.settings import Settings
from agent.telemetry import signals
from agent.telemetry.clock import ms_since
from agent.telemetry.tracing import span
from agent.text.language import detect_language

# Share of MIN_RELEVANCE that a part of a question needs when the documents are about another part.
_LEAST_OF_OTHERS = 0.5


class MultiAgent:
    """Answers questions from one corpus with one engine.

    Args:
        engine: what generates.
        corpora: what the documents are at the moment.
        embedder: the one that built them.
        settings: strategy, budgets, thresholds.
        router: of that embedder.
    """

    def __init__(
        self, engine: Engine, corpora: LiveCorpus, embedder: Embedder, settings: Settings, router: Router
    ) -> None:  # fmt: skip
        self._engine = engine
        self._corpora = corpora
        self._embedder = embedder
        self._settings = settings
        self._router = router
        self._limits = Limits(settings.min_relevance, settings.min_confidence)
        self._budgets = Budgets.of(settings, engine)
        self._calibration = Calibration.for_embedder(embedder.name)
        generator = Generator(engine)
        self._rewriter = Rewriter(generator)
        self._grounded = GroundedStrategy(generator, self._budgets, embedder)
        self._short = ShortStrategy(engine, self._budgets, AdapterCalibrations(engine), self._calibration)

    @property
    def capacity(self) -> int:
        """Answers that can be generated at once."""
        return self._engine.capacity

    @property
    def usual_tokens(self) -> UsualTokens:
        """How many tokens a usual question reads and writes."""
        return self._budgets.usual

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
        choice = choose(request.mode, self._settings.answer_strategy, self._engine, adapter)
        asked_in = detect_language(request.question)
        language = asked_in if request.language == "auto" else request.language
        started = time.monotonic()
        await self._corpora.catch_up()
        with self._corpora.lease() as corpus:
            context = RequestContext(
                request, request_id, language, asked_in, corpus, emit, cold_start, self._engine.model, adapter, started,
                salt=salt, deadline=deadline,
            )  # fmt: skip
            with span(signals.AGENT, {signals.OPERATION: "invoke_agent", signals.DATA_SOURCE: corpus.index_id}):
                return await self._answer(context, choice)

    def _adapter_for(self, request: AskRequest) -> str | None:
        """The adapter the request names; the default one if it names none; None if it says null."""
        adapter = request.adapter if "adapter" in request.model_fields_set else self._engine.default_adapter
        if adapter is not None and not self._engine.has_adapter(adapter):
            raise UnknownAdapter(param="adapter")
        return adapter

    async def _answer(self, context: RequestContext, choice: Choice) -> Answer:
        rewriting = rewrite(context.request.question, context.request.history, context.asked_in)
        decision, queries = await self._route(context, rewriting)
        if decision.route != "question":
            return self._reply(context, decision)
        if not rewriting.subqueries:
            return self._abstain(context, "underspecified", [])
        if choice.strategy == "grounded" and rewriting.route == "followup":
            rewriting, queries = await self._rewrite_with_model(context, rewriting, queries)
        scored = [
            await self._search(context, item, [queries[text] for text in item.queries]) for item in rewriting.subqueries
        ]
        self._report_found(context, scored)
        relevant = self._relevant(scored)
        if not relevant:
            return self._abstain(context, "out_of_corpus", scored)
        found = await self._build_context(context, rewriting, scored, relevant, choice)
        outcome = await self._by_strategy(context, found, choice)
        if isinstance(outcome, Refusal):
            return self._abstain(context, "unsupported", [replace(relevant[0], confidence=outcome.confidence)])
        if outcome is None and context.request.mode != "generative":
            outcome = answer_by_quotes(found, self._limits, context.language)
        if outcome is None:
            return self._abstain(context, "unsupported", scored)
        return self._finish(context, outcome, scored)

    # ------------------------------------------------------------------ route, rewrite, search

    async def _route(self, context: RequestContext, rewriting: Rewriting) -> tuple[Decision, dict[str, Query]]:
        question = context.request.question
        decision = self._router.by_rules(question, context.language)
        queries: dict[str, Query] = {}
        if decision is None:
            texts = list(dict.fromkeys(text for item in rewriting.subqueries for text in item.queries)) or [question]
            queries = await self._embed(context, texts)
            may_be_chat = rewriting.route == "question"
            decision = self._router.by_prototypes(queries[question], context.language) if may_be_chat else QUESTION
        context.route = rewriting.route if decision.route == "question" else decision.route
        details = {"route": context.route, "shape": rewriting.shape, "queries": len(queries)}
        context.step("router", decision.kind, language=context.language, **details)
        return decision, queries

    async def _rewrite_with_model(
        self, context: RequestContext, rewriting: Rewriting, queries: dict[str, Query]
    ) -> tuple[Rewriting, dict[str, Query]]:
        """The follow-up as a question that stands alone, searched beside what the rules have made of it."""
        request = context.request
        standalone, usage = await self._rewriter.standalone(
            request.question, request.history, context.asked_in, salt=context.salt, deadline=context.deadline
        )
        context.used(usage)
        if standalone is not None:
            queries |= await self._embed(context, [standalone])
        context.step("rewriter", "rules" if standalone is None else "model", standalone=standalone)
        if standalone is None:
            return rewriting, queries
        (item,) = rewriting.subqueries
        widened = Subquery(item.text, (*item.queries, standalone))
        return replace(rewriting, standalone=standalone, subqueries=(widened,)), queries

    async def _embed(self, context: RequestContext, texts: Sequence[str]) -> dict[str, Query]:
        started = time.monotonic()
        name = self._embedder.name
        with span(
            signals.EMBEDDINGS.format(model=name),
            {signals.OPERATION: "embeddings", signals.PROVIDER: signals.PROVIDER_NAME, signals.REQUEST_MODEL: name},
        ):
            made = await asyncio.to_thread(make_queries, texts, context.asked_in, self._embedder)
        context.timed(retrieval_ms=round((context.timings.retrieval_ms or 0.0) + ms_since(started), 1))
        return dict(zip(texts, made, strict=True))

    async def _search(self, context: RequestContext, item: Subquery, queries: Sequence[Query]) -> ScoredSubquery:
        top_k = context.request.top_k or self._settings.top_k
        index = context.corpus.index_id
        with span(
            signals.RETRIEVAL.format(index=index),
            {signals.OPERATION: "retrieval", signals.DATA_SOURCE: index, signals.TOP_K: top_k},
        ) as retrieval:
            finding = await asyncio.to_thread(context.corpus.finder.find, queries, top_k, context.request.filters)
            best = max((passage.dense for passage in finding.passages), default=None)
            retrieval.set({signals.PASSAGES: len(finding.passages), signals.TOP_SCORE: best})
        if finding.signals is None:
            return ScoredSubquery(item, finding, 0.0, 0.0)
        relevance, confidence = self._calibration.relevance, self._calibration.confidence
        return ScoredSubquery(item, finding, relevance(finding.signals), confidence(finding.signals))

    def _relevant(self, scored: Sequence[ScoredSubquery]) -> list[ScoredSubquery]:
        """The sub-queries that the documents are about. Where they are about one, less is asked of the others: a part
        of a question often leaves out what the whole is about.
        """
        least = self._limits.min_relevance
        if not any(item.finding.evidence and item.relevance >= least for item in scored):
            return []
        return [item for item in scored if item.finding.evidence and item.relevance >= _LEAST_OF_OTHERS * least]

    def _report_found(self, context: RequestContext, scored: Sequence[ScoredSubquery]) -> None:
        decision = "found" if any(item.finding.passages for item in scored) else "nothing"
        parts = [item.details() for item in scored]
        ms = context.step("retriever", decision, min_relevance=self._limits.min_relevance, parts=parts)
        # Embedding the question belongs to it, although the router needs the vector first.
        context.timed(retrieval_ms=round(ms + (context.timings.retrieval_ms or 0.0), 1))

    # ------------------------------------------------------------------ context and strategy

    async def _build_context(
        self,
        context: RequestContext,
        rewriting: Rewriting,
        scored: Sequence[ScoredSubquery],
        relevant: Sequence[ScoredSubquery],
        choice: Choice,
    ) -> SearchResult:
        hits = passages_of(relevant)
        builder = ContextBuilder(context.corpus.store.chunks, self._engine.count_tokens, self._budgets.context_tokens)
        built = await asyncio.to_thread(builder.build, hits)
        context.emit(SourcesEvent(sources=[_source(passage) for passage in built.passages]))
        read = [
            {"source": one.source, "heading": one.head, "start": one.start, "end": one.end, "tokens": one.tokens}
            for one in built.passages
        ]
        context.step("context", choice.strategy, why=choice.why, tokens=built.tokens, context=read)
        return SearchResult(rewriting, tuple(scored), tuple(relevant), built)

    async def _by_strategy(
        self, context: RequestContext, found: SearchResult, choice: Choice
    ) -> Outcome | Refusal | None:
        match choice.strategy:
            case "grounded":
                return await self._grounded.answer(context, found, self._limits)
            case "short":
                return await self._short.answer(context, found, self._limits)
            case "extractive":
                return None

    # ------------------------------------------------------------------ compose or abstain

    def _finish(self, context: RequestContext, outcome: Outcome, scored: Sequence[ScoredSubquery]) -> Answer:
        # The trace goes to the caller, and a model may say anything.
        dropped = [claim for claim in outcome.dropped if not repeats_instructions(claim)]
        self._conclude(
            context, outcome.decision, outcome.confidence, kept=outcome.kept, dropped=dropped, **outcome.details
        )
        _mention_missing(context, outcome, scored, self._limits)
        return context.finish(outcome.answer, outcome.confidence)

    def _conclude(self, context: RequestContext, decision: str, confidence: float, **details: Any) -> None:  # noqa: ANN401 - JSON
        """The last step, with the confidence that was held against the least that an answer needs."""
        least = self._limits.min_confidence
        context.step("verifier", decision, **details, confidence=round(confidence, 3), min_confidence=least)

    def _reply(self, context: RequestContext, decision: Decision) -> Answer:
        answer = AnswerComposer()
        if decision.route == "corpus":
            about_corpus(answer, context.corpus.titles, context.language)
        else:
            answer.say(decision.reply or "")
        return context.finish(answer, 1.0)

    def _abstain(self, context: RequestContext, reason: Reason, scored: Sequence[ScoredSubquery]) -> Answer:
        confidence = max((item.confidence for item in scored), default=0.0)
        if reason == "unsupported":
            self._conclude(context, "abstained", confidence, reason=reason)
        else:
            context.step("verifier", "abstained", reason=reason)
        answer = AnswerComposer()
        answer.say(UNANSWERED[reason][context.language])
        return context.finish(answer, confidence, reason=reason, nearest=nearest_of(scored))


def _mention_missing(
    context: RequestContext, outcome: Outcome, scored: Sequence[ScoredSubquery], limits: Limits
) -> None:
    """Say of which part of the question there is nothing; a question of one part has its answer.

    A model answers all parts together, and from other sentences than those that ranking has first: of its answers only
    those parts are named that the documents are not about.
    """
    if len(scored) == 1:
        return
    for item in scored:
        if item.relevance < _LEAST_OF_OTHERS * limits.min_relevance:
            outcome.answer.say(NOTHING_ABOUT[context.language].format(item.subquery.text))
        elif outcome.decision == "extract" and not item.answered_by(outcome.answer):
            outcome.answer.say(NOTHING_VERIFIED[context.language].format(item.subquery.text))


def _source(passage: ContextPassage) -> Source:
    first = passage.sentences[0] if passage.sentences else None
    return Source(
        source=passage.source, title=passage.title, heading=passage.heading, page=first.page if first else None,
        score=round(max(passage.score, 0.0), 4),
    )  # fmt: skip
