"""MultiAgent: Router, Planner, Retriever, Answerer and Verifier, in turn, each leaving a step in the trace."""

import asyncio
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, TypeVar

from agent.answerer import ALLOWED_EVIDENCE, Answerer, Draft
from agent.calibration import Calibration
from agent.citations import CitedText
from agent.corpus import Corpus, LiveCorpus
from agent.engine.base import Engine
from agent.errors import NoLanguageModel, PromptTooLong, UnknownAdapter
from agent.planner import Part, Plan, plan
from agent.replies import NOTHING_ABOUT, NOTHING_VERIFIED, UNANSWERED, about_corpus
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
from agent.verifier import Verdict, Verifier, quote

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
    """One question on its way. `language` is that of the answer, `asked_in` that of the question."""

    request: AskRequest
    request_id: str
    language: Language
    asked_in: Language
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
        asked_in = detect_language(request.question)
        language = asked_in if request.language == "auto" else request.language
        with self._corpora.lease() as corpus:
            return await self._answer(_Asking(request, request_id, language, asked_in, corpus, emit, cold_start))

    def _refuse_what_cannot_be(self, request: AskRequest) -> None:
        adapter = self._answerer.adapter_for(request)
        if adapter is not None and adapter not in self._engine.adapters:
            raise UnknownAdapter(param="adapter")
        if request.mode == "generative" and self._engine.context_length == 0:
            raise NoLanguageModel(param="mode")

    async def _answer(self, asking: _Asking) -> Answer:
        request, language = asking.request, asking.language
        planned = plan(request.question, request.history, asking.asked_in)
        decision = self._router.by_rules(request.question, language)
        texts = list(dict.fromkeys(text for part in planned.parts for text in part.queries)) or [request.question]
        queries: dict[str, Query] = {}
        if decision is None:
            made = await asyncio.to_thread(make_queries, texts, asking.asked_in, self._embedder)
            queries = dict(zip(texts, made, strict=True))
            may_be_chat = planned.route == "question"
            decision = self._router.by_prototypes(queries[texts[0]], language) if may_be_chat else QUESTION
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
        passages = _take_turns([item.finding.passages for item in relevant], lambda passage: passage.chunk.id)
        asking.emit(SourcesEvent(sources=[_source(passage) for passage in passages]))
        if asking.request.mode != "extractive" and self._engine.context_length > 0:
            worded = await self._word(asking, passages, relevant)
            if worded is not None:
                return self._finish_worded(asking, *worded, judged, relevant)
            if asking.request.mode == "generative":
                return self._abstain(asking, "unsupported", judged)
        return self._finish_extracted(asking, judged, relevant)

    async def _find(self, asking: _Asking, part: Part, queries: Sequence[Query]) -> Judged:
        top_k = asking.request.top_k or self._settings.top_k
        finding = await asyncio.to_thread(asking.corpus.finder.find, queries, top_k, asking.request.filters)
        if finding.signals is None:
            return Judged(part, finding, 0.0, 0.0)
        relevance, confidence = self._calibration.relevance, self._calibration.confidence
        return Judged(part, finding, relevance(finding.signals), confidence(finding.signals))

    async def _word(
        self, asking: _Asking, passages: Sequence[Passage], relevant: Sequence[Judged]
    ) -> tuple[Verdict, float] | None:
        """What of the model's wording stands, and how sure that is; None when nothing does."""
        try:
            draft = await self._draft(
                asking, passages, _take_turns([item.finding.evidence for item in relevant], _place)
            )
        except PromptTooLong:
            if asking.request.mode == "generative":
                raise
            asking.step("answerer", "too_long")
            return None
        verdict = self._verifier.verify(asking.request.question, draft, asking.language)
        if verdict.evidence is None:
            return None
        confidence = self._confidence_in(verdict.evidence, relevant) * verdict.support
        return (verdict, confidence) if confidence >= self._settings.min_confidence else None

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

    def _finish_worded(
        self, asking: _Asking, verdict: Verdict, confidence: float, judged: Sequence[Judged], relevant: Sequence[Judged]
    ) -> Answer:
        """The model's words, and a quote for each part of the question that they leave out."""
        answer, confidences = verdict.answer, [confidence]
        left_out = [item for item in relevant if not any(map(answer.cites, _allowed(item, relevant)))]
        if len(relevant) > 1 and asking.request.mode == "auto":
            confidences += self._quote_best(asking, answer, left_out)
        asking.step("verifier", "model", kept=verdict.kept, dropped=verdict.dropped, support=round(verdict.support, 3))
        self._mention_missing(asking, answer, judged)
        return self._finish(asking, answer, min(confidences))

    def _finish_extracted(self, asking: _Asking, judged: Sequence[Judged], relevant: Sequence[Judged]) -> Answer:
        """The best sentence of each part that has one good enough."""
        answer = CitedText()
        confidences = self._quote_best(asking, answer, relevant)
        if not confidences:
            return self._abstain(asking, "unsupported", judged)
        asking.step("verifier", "extract", kept=len(answer.citations))
        self._mention_missing(asking, answer, judged)
        return self._finish(asking, answer, min(confidences))

    def _quote_best(self, asking: _Asking, answer: CitedText, parts: Sequence[Judged]) -> list[float]:
        """Quote the best sentence of each part that has one good enough, none twice; how sure each of these is."""
        quotable = [item for item in parts if item.confidence >= self._settings.min_confidence]
        for item in quotable:
            best = item.finding.evidence[0]
            if not answer.cites(best):
                quote(answer, best, asking.language)
        return [item.confidence for item in quotable]

    def _mention_missing(self, asking: _Asking, answer: CitedText, judged: Sequence[Judged]) -> None:
        """Say of which part of the question there is nothing; a question of one part has its answer."""
        if len(judged) == 1:
            return
        for item in judged:
            if item.relevance < self._settings.min_relevance:
                answer.say(NOTHING_ABOUT[asking.language].format(item.part.text))
            elif not any(map(answer.cites, _allowed(item, judged))):
                answer.say(NOTHING_VERIFIED[asking.language].format(item.part.text))

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


def _take_turns(rows: Sequence[Sequence[Item]], key: Callable[[Item], Hashable]) -> list[Item]:
    """The first of each row, then the second of each, and so on; of those with the same key the first."""
    found: dict[Hashable, Item] = {}
    for item in (item for turn in zip_longest(*rows) for item in turn if item is not None):
        found.setdefault(key(item), item)
    return list(found.values())


def _place(evidence: Evidence) -> tuple[str, int]:
    return evidence.passage.chunk.source, evidence.sentence.start


def _allowed(item: Judged, parts: Sequence[Judged]) -> Sequence[Evidence]:
    """The sentences that the model may answer this part from: the parts take turns."""
    return item.finding.evidence[: max(ALLOWED_EVIDENCE // len(parts), 1)]


def _source(passage: Passage) -> Source:
    chunk = passage.chunk
    return Source(
        source=chunk.source, title=chunk.title, heading=chunk.heading, page=chunk.page, score=round(passage.dense, 4)
    )


def _nearest_evidence(judged: Sequence[Judged]) -> list[Evidence]:
    """The best sentence of each of the best passages."""
    rows = [item.finding.evidence for item in judged]
    return _take_turns(rows, lambda evidence: evidence.passage.chunk.id)[:_MOST_NEAREST]


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
