"""MultiAgent: Router, Planner, Retriever, Answerer and Verifier, in turn, each leaving a step in the trace."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, TypeVar

from agent.answerer import Answerer, Draft
from agent.calibration import Calibration
from agent.citations import CitedText
from agent.corpus import Corpus, LiveCorpus
from agent.engine.base import Engine
from agent.errors import NoLanguageModel, UnknownAdapter
from agent.planner import Part, Plan, plan
from agent.replies import NOTHING_ABOUT, UNANSWERED, about_corpus
from agent.retrieval.embedder import Embedder
from agent.retrieval.evidence import Evidence
from agent.retrieval.finding import Finding
from agent.retrieval.query import Query, make_queries
from agent.retrieval.retriever import Passage
from agent.router import QUESTION, Decision, Router
from agent.schemas import (
    Answer,
    AskEvent,
    AskRequest,
    DeltaEvent,
    Language,
    Nearest,
    Reason,
    Route,
    Source,
    SourcesEvent,
    StepEvent,
    Timings,
    TraceStep,
    Usage,
)
from agent.settings import Settings
from agent.telemetry.logs import get_logger
from agent.text.language import detect_language
from agent.verifier import Verifier, quote

Emit = Callable[[AskEvent], None]

Item = TypeVar("Item")

_MOST_NEAREST = 3


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found for one part of a question, and what it is worth; both from 0 to 1."""

    part: Part
    finding: Finding
    relevance: float
    confidence: float


@dataclass(slots=True)
class _Asking:
    """One question on its way."""

    request: AskRequest
    request_id: str
    language: Language
    corpus: Corpus
    emit: Emit
    cold_start: bool
    route: Route = "question"
    started: float = field(default_factory=time.monotonic)
    step_started: float = field(default_factory=time.monotonic)
    trace: list[TraceStep] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    timings: Timings = field(default_factory=Timings)

    def step(self, name: str, decision: str, **details: Any) -> float:  # noqa: ANN401 - JSON values
        """Close a step, tell the caller, and return its milliseconds."""
        now = time.monotonic()
        step = TraceStep(name=name, decision=decision, ms=round((now - self.step_started) * 1000, 1), details=details)
        self.step_started = now
        self.trace.append(step)
        get_logger().info("ask.step", step=name, decision=decision, ms=step.ms)
        self.emit(StepEvent(step=step))
        return step.ms


class MultiAgent:
    """Answers questions from one corpus with one engine.

    Args:
        engine: what generates.
        corpora: what the documents are at the moment.
        embedder: the one that built them.
        settings: top_k, context size, thresholds.
    """

    def __init__(self, engine: Engine, corpora: LiveCorpus, embedder: Embedder, settings: Settings) -> None:
        self._engine = engine
        self._corpora = corpora
        self._embedder = embedder
        self._settings = settings
        self._calibration = Calibration.for_embedder(embedder.name)
        self._router = Router(embedder)
        self._answerer = Answerer(engine, settings.context_tokens, settings.max_tokens)
        self._verifier = Verifier()

    @property
    def capacity(self) -> int:
        """Answers that can be generated at once."""
        return self._engine.capacity

    async def answer(self, request: AskRequest, request_id: str, emit: Emit, *, cold_start: bool = False) -> Answer:
        """The verified answer.

        Raises:
            UnknownAdapter, UnknownFilter, NoLanguageModel, PromptTooLong, GenerationFailed: see `agent.errors`.
        """
        self._refuse_what_cannot_be(request)
        language = request.language if request.language != "auto" else detect_language(request.question)
        with self._corpora.lease() as corpus:
            return await self._answer(_Asking(request, request_id, language, corpus, emit, cold_start))

    def _refuse_what_cannot_be(self, request: AskRequest) -> None:
        adapter = self._answerer.adapter_for(request)
        if adapter is not None and adapter not in self._engine.adapters:
            raise UnknownAdapter(param="adapter")
        if request.mode == "generative" and self._engine.context_length == 0:
            raise NoLanguageModel(param="mode")

    async def _answer(self, asking: _Asking) -> Answer:
        request, language = asking.request, asking.language
        planned = plan(request.question, request.history, language)
        decision = self._router.by_rules(request.question, language)
        texts = list(dict.fromkeys(text for part in planned.parts for text in part.queries)) or [request.question]
        queries: dict[str, Query] = {}
        if decision is None:
            made = await asyncio.to_thread(make_queries, texts, language, self._embedder)
            queries = dict(zip(texts, made, strict=True))
            decision = self._router.by_prototypes(queries[texts[0]]) if planned.route == "question" else QUESTION
        asking.route = planned.route if decision.route == "question" else decision.route
        asking.step("router", decision.kind, language=language, route=asking.route, queries=len(queries))
        if decision.route != "question":
            return self._reply(asking, decision)
        if not planned.parts:
            return self._abstain(asking, "underspecified", [])
        return await self._from_documents(asking, planned, queries)

    async def _from_documents(self, asking: _Asking, planned: Plan, queries: dict[str, Query]) -> Answer:
        judged = [await self._find(asking, part, [queries[text] for text in part.queries]) for part in planned.parts]
        self._report_found(asking, judged)
        relevant = [item for item in judged if item.relevance >= self._settings.min_relevance]
        if not relevant:
            return self._abstain(asking, "out_of_corpus", judged)
        passages = _take_turns([item.finding.passages for item in relevant])
        asking.emit(SourcesEvent(sources=[_source(passage) for passage in passages]))
        if asking.request.mode != "extractive" and self._engine.context_length > 0:
            draft = await self._draft(asking, passages, _take_turns([item.finding.evidence for item in relevant]))
            verdict = self._verifier.verify(asking.request.question, draft, asking.language)
            if verdict.evidence is not None:
                asking.step("verifier", "model", kept=verdict.kept, dropped=verdict.dropped, support=verdict.support)
                self._mention_missing(verdict.answer, judged, asking.language)
                confidence = self._confidence_in(verdict.evidence, relevant) * verdict.support
                return self._finish(asking, verdict.answer, confidence)
            if asking.request.mode == "generative":
                return self._abstain(asking, "unsupported", judged)
        return self._extract(asking, judged, relevant)

    async def _find(self, asking: _Asking, part: Part, queries: Sequence[Query]) -> Judged:
        top_k = asking.request.top_k or self._settings.top_k
        finding = await asyncio.to_thread(asking.corpus.finder.find, queries, top_k, asking.request.filters)
        if finding.signals is None:
            return Judged(part, finding, 0.0, 0.0)
        relevance, confidence = self._calibration.relevance, self._calibration.confidence
        return Judged(part, finding, relevance(finding.signals), confidence(finding.signals))

    async def _draft(self, asking: _Asking, passages: Sequence[Passage], evidence: Sequence[Evidence]) -> Draft:
        def on_text(text: str) -> None:
            asking.emit(DeltaEvent(text=text))

        draft = await self._answerer.draft(asking.request, passages, evidence, asking.language, on_text)
        asking.step("answerer", "complete" if draft.complete else "cut", passages=len(draft.packed))
        asking.usage = draft.usage
        asking.timings = asking.timings.model_copy(
            update={
                "queue_ms": draft.queue_ms,
                "time_to_first_token_ms": draft.first_token_ms,
                "generation_ms": draft.generation_ms,
            }
        )
        return draft

    def _extract(self, asking: _Asking, judged: Sequence[Judged], relevant: Sequence[Judged]) -> Answer:
        """The best sentence of each part that has one good enough."""
        quotable = [item for item in relevant if item.confidence >= self._settings.min_confidence]
        if not quotable:
            return self._abstain(asking, "unsupported", judged)
        answer = CitedText()
        quoted: set[tuple[str, int]] = set()
        for item in quotable:
            best = item.finding.evidence[0]
            place = (best.passage.chunk.source, best.sentence.start)
            if place not in quoted:
                quoted.add(place)
                quote(answer, best, asking.language)
        asking.step("verifier", "extract", kept=len(quoted))
        self._mention_missing(answer, judged, asking.language)
        return self._finish(asking, answer, min(item.confidence for item in quotable))

    def _mention_missing(self, answer: CitedText, judged: Sequence[Judged], language: Language) -> None:
        for item in judged:
            if item.relevance < self._settings.min_relevance:
                answer.say(NOTHING_ABOUT[language].format(item.part.text.rstrip("?").strip()))

    def _confidence_in(self, evidence: Evidence, relevant: Sequence[Judged]) -> float:
        """How sure the answer is that rests on this sentence."""
        finding = next(item.finding for item in relevant if evidence in item.finding.evidence)
        return self._calibration.confidence(finding.signals_for(evidence))

    def _report_found(self, asking: _Asking, judged: Sequence[Judged]) -> None:
        ms = asking.step(
            "retriever",
            "found" if any(item.finding.passages for item in judged) else "nothing",
            parts=[
                {
                    "passages": [
                        {"source": p.chunk.source, "start": p.chunk.start, "dense": round(p.dense, 4),
                         "lexical": round(p.lexical, 4), "fused": round(p.fused, 4)}
                        for p in item.finding.passages
                    ],
                    "coverage": round(item.finding.ranking.coverage, 3) if item.finding.ranking else 0.0,
                    "relevance": round(item.relevance, 3),
                    "confidence": round(item.confidence, 3),
                }
                for item in judged
            ],
        )  # fmt: skip
        asking.timings = asking.timings.model_copy(update={"retrieval_ms": ms})

    def _reply(self, asking: _Asking, decision: Decision) -> Answer:
        answer = CitedText()
        if decision.route == "corpus":
            about_corpus(answer, asking.corpus.titles, asking.language)
        else:
            answer.say(decision.reply or "")
        return self._finish(asking, answer, 1.0)

    def _abstain(self, asking: _Asking, reason: Reason, judged: Sequence[Judged]) -> Answer:
        asking.step("verifier", "abstained", reason=reason)
        answer = CitedText()
        answer.say(UNANSWERED[reason][asking.language])
        nearest = [_nearest(item) for item in _nearest_evidence(judged)]
        confidence = max((item.confidence for item in judged), default=0.0)
        return self._finish(asking, answer, confidence, reason=reason, nearest=nearest)

    def _finish(
        self,
        asking: _Asking,
        answer: CitedText,
        confidence: float,
        *,
        reason: Reason | None = None,
        nearest: list[Nearest] | None = None,
    ) -> Answer:
        total_ms = round((time.monotonic() - asking.started) * 1000, 1)
        return Answer(
            answer=answer.text,
            sentences=answer.sentences,
            abstained=reason is not None,
            reason=reason,
            nearest=nearest or [],
            citations=answer.citations,
            grounded=bool(answer.citations),
            confidence=round(min(max(confidence, 0.0), 1.0), 4),
            language=asking.language,
            route=asking.route,
            model=self._engine.model,
            adapter=self._answerer.adapter_for(asking.request),
            index=asking.corpus.index_id,
            usage=asking.usage,
            timings=asking.timings.model_copy(update={"total_ms": total_ms}),
            cold_start=asking.cold_start,
            request_id=asking.request_id,
            trace=asking.trace,
        )


def _take_turns(rows: Sequence[Sequence[Item]]) -> list[Item]:
    """The first of each row, then the second of each, and so on, each item once."""
    mixed = (item for turn in zip_longest(*rows) for item in turn if item is not None)
    found: list[Item] = []
    for item in mixed:
        if item not in found:
            found.append(item)
    return found


def _source(passage: Passage) -> Source:
    chunk = passage.chunk
    return Source(
        source=chunk.source, title=chunk.title, heading=chunk.heading, page=chunk.page, score=round(passage.dense, 4)
    )


def _nearest_evidence(judged: Sequence[Judged]) -> list[Evidence]:
    """The best sentence of each of the best passages."""
    found: dict[int, Evidence] = {}
    for evidence in _take_turns([item.finding.evidence for item in judged]):
        found.setdefault(evidence.passage.chunk.id, evidence)
    return list(found.values())[:_MOST_NEAREST]


def _nearest(evidence: Evidence) -> Nearest:
    chunk, sentence = evidence.passage.chunk, evidence.sentence
    return Nearest(
        source=chunk.source,
        title=chunk.title,
        heading=chunk.heading,
        page=sentence.page,
        text=sentence.text,
        start=sentence.start,
        end=sentence.end,
        score=round(min(max(evidence.cosine, 0.0), 1.0), 4),
    )
