"""The strategy `short`: a small model with an adapter trained for it picks a sentence and words the fewest words.

Its words stand where they stand in a source sentence; what it picks or leaves is weighed by its calibration. The unit
around the answer is quoted below the words, for a small model says one fact where a question may ask for several.
"""

from collections.abc import Sequence

from agent.answering.abstention import Limits
from agent.answering.adapter_calibration import AdapterCalibrations
from agent.answering.budgets import Budgets
from agent.answering.calibration import Calibration, ReaderCalibration
from agent.answering.composition import AnswerComposer, SourceSpan
from agent.answering.request_context import RequestContext
from agent.answering.scored_subquery import ScoredSubquery, SearchResult, evidence_of
from agent.answering.strategies.extractive import LEAD, answer_by_quotes, quote_units
from agent.answering.strategies.outcome import Outcome, Refusal
from agent.answering.strategies.short_draft import Draft, ShortAnswerer
from agent.answering.verification import Verdict, Verifier
from agent.engine.base import Engine
from agent.errors import PromptTooLong
from agent.retrieval.evidence import Evidence
from agent.schemas import Language
from agent.telemetry import signals
from agent.telemetry.tracing import span


class ShortStrategy:
    """Answers with the fewest words, and the unit that they stand in.

    Args:
        engine: what generates.
        budgets: how much is read and written.
        calibrations: how far adapters can be believed.
        calibration: of the embedding model.
    """

    def __init__(
        self, engine: Engine, budgets: Budgets, calibrations: AdapterCalibrations, calibration: Calibration
    ) -> None:
        self._answerer = ShortAnswerer(
            engine, budgets.short_sentences, budgets.short_context_tokens, budgets.short_max_tokens
        )
        self._calibrations = calibrations
        self._calibration = calibration
        self._verifier = Verifier()

    async def answer(self, context: RequestContext, found: SearchResult, limits: Limits) -> Outcome | Refusal | None:
        """The answer; None when nothing of what the model says stands.

        Raises:
            PromptTooLong: in mode `generative`; otherwise a quote takes its place.
        """
        reader = self._calibrations.of(context.adapter, context.asked_in)
        if reader is None or context.request.mode == "generative":
            return await self._word(context, found, limits)
        # Trained on one question at a time; the parts of a question, and lists of things, are quoted.
        if len(found.scored) > 1 or found.rewriting.shape != "fact":
            return answer_by_quotes(found, limits, context.language)
        return await self._read(context, reader, found, limits)

    async def _read(
        self, context: RequestContext, reader: ReaderCalibration, found: SearchResult, limits: Limits
    ) -> Outcome | Refusal | None:
        """What an adapter that knows when nothing answers comes to; None when it says nothing."""
        item = found.relevant[0]
        draft = await self._draft(context, item.finding.evidence)
        if draft is None or (nothing := draft.reading.nothing) is None:
            return None
        reading, best = draft.reading, item.finding.evidence[0]
        picked = draft.picked(best)
        confidence = reader.confidence(item.confidence, nothing, reading.certainty, picked is best)
        if confidence < limits.min_confidence:
            return Refusal(confidence)
        quoted = picked if reading.certainty >= reader.least_picking else best
        said = (
            self._verify(context, draft) if quoted is picked and reading.certainty >= reader.least_certainty else None
        )
        if said is not None and said.evidence is not None:
            composer, decision = said.answer, "model+extract"
            quote_units(composer, item, found, context.language)
        else:
            composer, decision = self._quote(quoted, item, found, context.language), "extract"
        return Outcome(composer, confidence, decision, kept=len(composer.citations))

    def _quote(self, quoted: Evidence, item: ScoredSubquery, found: SearchResult, language: Language) -> AnswerComposer:
        """The units that answer; the picked sentence before them, if it is in none."""
        units = AnswerComposer()
        quote_units(units, item, found, language)
        if units.cites(quoted.passage.chunk.source, quoted.sentence.start, quoted.sentence.end):
            return units
        composer = AnswerComposer()
        if quoted.passage.chunk.language != language:
            composer.say(LEAD[language])
        composer.add("paragraph", " ".join(quoted.sentence.text.split()), [SourceSpan.of_evidence(quoted)], 1.0)
        quote_units(composer, item, found, language)
        return composer

    async def _word(self, context: RequestContext, found: SearchResult, limits: Limits) -> Outcome | None:
        """What of the model's wording stands; None when nothing does, or a quote is better."""
        draft = await self._draft(context, evidence_of(found.relevant))
        if draft is None or draft.reading.finds_nothing:
            return None
        verdict = self._verify(context, draft)
        if verdict.evidence is None:
            return None
        item = next(item for item in found.relevant if verdict.evidence in item.finding.evidence)
        if context.request.mode != "generative" and verdict.evidence is not item.finding.evidence[0]:
            # Small models pick worse evidence than the ranking does (measured in docs/evaluation.md).
            return None
        confidence = self._calibration.confidence(item.finding.signals_for(verdict.evidence)) * verdict.support
        if confidence < limits.min_confidence:
            return None
        if context.request.mode != "generative":
            for left_out in found.relevant:
                quote_units(verdict.answer, left_out, found, context.language)
        return Outcome(verdict.answer, confidence, "model", verdict.kept, dropped=verdict.dropped)

    def _verify(self, context: RequestContext, draft: Draft) -> Verdict:
        with span(signals.VERIFY) as verification:
            verdict = self._verifier.verify(context.request.question, draft, context.language)
            verification.set({signals.DECISION: "nothing" if verdict.evidence is None else "kept"})
            return verdict

    async def _draft(self, context: RequestContext, evidence: Sequence[Evidence]) -> Draft | None:
        """What the model writes; None where a quote can stand for what it cannot read."""

        try:
            draft = await self._answerer.draft(
                context.request, evidence, context.adapter, context.language, context.write,
                salt=context.salt, deadline=context.deadline,
            )  # fmt: skip
        except PromptTooLong:
            if context.request.mode == "generative":
                raise
            context.step("answerer", "too_long")
            return None
        reading = draft.reading
        decision = "nothing" if reading.finds_nothing else "complete" if reading.complete else "cut"
        nothing = None if reading.nothing is None else round(reading.nothing, 3)
        read = [
            {
                "source": one.passage.chunk.source,
                "start": one.sentence.start,
                "text": one.sentence.text,
                "cosine": round(one.cosine, 4),
            }
            for one in draft.allowed
        ]
        context.step("answerer", decision, sentences=read, nothing=nothing)
        context.generated(reading)
        return draft
