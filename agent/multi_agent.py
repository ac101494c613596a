"""MultiAgent: Router, Retriever, Answerer and Verifier, one after the other, each leaving a step in the trace."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agent.answerer import Answerer, Draft
from agent.engine.base import Engine
from agent.errors import UnknownAdapter
from agent.relevance import relevance
from agent.retrieval.evidence import Evidence, EvidenceRanker
from agent.retrieval.retriever import Passage, Retriever
from agent.router import Decision, Router
from agent.schemas import (
    Answer,
    AskEvent,
    AskRequest,
    Citation,
    DeltaEvent,
    Language,
    Route,
    Source,
    SourcesEvent,
    StepEvent,
    Timings,
    TraceStep,
    Usage,
)
from agent.settings import Settings
from agent.store.manifest import Manifest
from agent.telemetry.logs import get_logger
from agent.text.language import detect_language
from agent.verifier import Verdict, Verifier

Emit = Callable[[AskEvent], None]

NOT_IN_DOCUMENTS: dict[Language, str] = {
    "en": "The documents do not say.",
    "es": "Los documentos no lo dicen.",
}


@dataclass(slots=True)
class _Asking:
    """One question on its way."""

    request: AskRequest
    request_id: str
    language: Language
    emit: Emit
    cold_start: bool
    started: float = field(default_factory=time.monotonic)
    step_started: float = field(default_factory=time.monotonic)
    trace: list[TraceStep] = field(default_factory=list)
    retrieval_ms: float | None = None

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
    """Answers a question from one store with one engine.

    Args:
        engine: what generates.
        retriever: finds passages in the store.
        ranker: finds the sentences in them.
        store: the manifest of the store, which names its content and its embedder.
        settings: top_k, context size, thresholds.
    """

    def __init__(
        self, engine: Engine, retriever: Retriever, ranker: EvidenceRanker, store: Manifest, settings: Settings
    ) -> None:
        self._engine = engine
        self._retriever = retriever
        self._ranker = ranker
        self._index_id = store.index_id
        self._embedder = store.embedder
        self._settings = settings
        self._router = Router()
        self._answerer = Answerer(engine, settings.context_tokens, settings.max_tokens)
        self._verifier = Verifier()

    @property
    def capacity(self) -> int:
        """Answers that can be generated at once."""
        return self._engine.capacity

    async def answer(self, request: AskRequest, request_id: str, emit: Emit, *, cold_start: bool = False) -> Answer:
        """The verified answer.

        Raises:
            UnknownAdapter, UnknownFilter, PromptTooLong, GenerationFailed: see `agent.errors`.
        """
        adapter = self._answerer.adapter_for(request)
        if adapter is not None and adapter not in self._engine.adapters:
            raise UnknownAdapter(param="adapter")
        language = request.language if request.language != "auto" else detect_language(request.question)
        asking = _Asking(request, request_id, language, emit, cold_start)
        decision = self._router.route(request.question, language)
        asking.step("router", decision.kind, language=language)
        if decision.reply is not None:
            return self._small_talk(asking, decision)
        passages, evidence, score = await self._retrieve(asking)
        if score < self._settings.min_relevance:
            return self._abstain(asking, score)
        emit(SourcesEvent(sources=[_source(passage) for passage in passages]))
        draft = await self._draft(asking, passages)
        verdict = self._verifier.verify(request.question, draft, evidence, language)
        asking.step(
            "verifier", verdict.source, kept=verdict.kept, dropped=verdict.dropped, support=round(verdict.support, 3)
        )
        return self._verified(asking, draft, verdict, score)

    async def _retrieve(self, asking: _Asking) -> tuple[tuple[Passage, ...], list[Evidence], float]:
        request, language = asking.request, asking.language
        queries = _queries(request)
        top_k = request.top_k or self._settings.top_k
        found = await asyncio.to_thread(self._retriever.retrieve, queries, language, top_k, request.filters)
        evidence = await asyncio.to_thread(self._ranker.rank, queries[-1], language, found.passages)
        score = relevance(queries[-1], language, evidence, self._embedder)
        asking.retrieval_ms = asking.step(
            "retriever",
            "found" if found.passages else "nothing",
            passages=[
                {"source": p.chunk.source, "start": p.chunk.start, "dense": round(p.dense, 4),
                 "lexical": round(p.lexical, 4), "fused": round(p.fused, 4)}
                for p in found.passages
            ],
            coverage=round(found.coverage, 3),
            relevance=round(score, 3),
        )  # fmt: skip
        return found.passages, evidence, score

    async def _draft(self, asking: _Asking, passages: tuple[Passage, ...]) -> Draft:
        def on_text(text: str) -> None:
            asking.emit(DeltaEvent(text=text))

        draft = await self._answerer.draft(asking.request, passages, asking.language, on_text)
        asking.step("answerer", "complete" if draft.complete else "cut", passages=len(draft.packed))
        return draft

    def _small_talk(self, asking: _Asking, decision: Decision) -> Answer:
        assert decision.reply is not None
        return self._finish(asking, decision.reply, route="smalltalk", confidence=1.0)

    def _abstain(self, asking: _Asking, score: float) -> Answer:
        asking.step("verifier", "abstained", relevance=round(score, 3))
        return self._finish(asking, NOT_IN_DOCUMENTS[asking.language], abstained=True, confidence=1.0 - score)

    def _verified(self, asking: _Asking, draft: Draft, verdict: Verdict, score: float) -> Answer:
        timings = Timings(
            queue_ms=draft.queue_ms, time_to_first_token_ms=draft.first_token_ms, generation_ms=draft.generation_ms
        )
        return self._finish(
            asking,
            verdict.answer,
            citations=verdict.citations,
            confidence=score * verdict.support,
            usage=draft.usage,
            timings=timings,
        )

    def _finish(
        self,
        asking: _Asking,
        text: str,
        *,
        confidence: float,
        route: Route = "question",
        abstained: bool = False,
        citations: list[Citation] | None = None,
        usage: Usage | None = None,
        timings: Timings | None = None,
    ) -> Answer:
        spent = {
            "retrieval_ms": asking.retrieval_ms,
            "total_ms": round((time.monotonic() - asking.started) * 1000, 1),
        }
        return Answer(
            answer=text,
            abstained=abstained,
            citations=citations or [],
            grounded=bool(citations),
            confidence=round(min(max(confidence, 0.0), 1.0), 4),
            language=asking.language,
            route=route,
            model=self._engine.model,
            adapter=self._answerer.adapter_for(asking.request),
            index=self._index_id,
            usage=usage or Usage(),
            timings=(timings or Timings()).model_copy(update=spent),
            cold_start=asking.cold_start,
            request_id=asking.request_id,
            trace=asking.trace,
        )


def _queries(request: AskRequest) -> list[str]:
    """The question, and, as a second query, the question behind the one it follows up."""
    earlier = [message.content for message in request.history if message.role == "user"][-1:]
    return [request.question, *(f"{text} {request.question}" for text in earlier)]


def _source(passage: Passage) -> Source:
    chunk = passage.chunk
    return Source(source=chunk.source, title=chunk.title, heading=chunk.heading, score=round(passage.dense, 4))
