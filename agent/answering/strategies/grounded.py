"""The strategy `grounded`: an instruct model reads whole passages and writes as much as the question asks for.

What it writes is read as claims, each claim is attributed to source spans by code, and only claims that their spans
support are shown. A list or procedure that the model has told for the most part is completed from the source.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from agent.answering.abstention import Limits
from agent.answering.attribution import Attribution, Attributor
from agent.answering.budgets import Budgets
from agent.answering.composition import AnswerComposer, SourceSpan
from agent.answering.context_builder import Context, ContextPassage
from agent.answering.draft import DraftBlock, read_draft
from agent.answering.generation import Generation, Generator
from agent.answering.prompts import grounded as prompt
from agent.answering.prompts.instructions import repeats_instructions
from agent.answering.request_context import RequestContext
from agent.answering.scored_subquery import SearchResult
from agent.answering.strategies.extractive import ALSO, add_unit, units_passed_over
from agent.answering.strategies.outcome import Outcome
from agent.errors import PromptTooLong
from agent.retrieval.embedder import Embedder
from agent.schemas import BlockKind as AnswerKind
from agent.schemas import Language
from agent.store.documents import Block, Sentence
from agent.store.store import Store
from agent.telemetry import signals
from agent.telemetry.tracing import span
from agent.text.blocks import BlockKind
from agent.text.facts import exact_tokens, ungrouped
from agent.text.markdown import parse_markdown
from agent.text.sentences import Kind
from agent.text.words import terms

# Share of its words that an introduction must have from the passages or the question.
_MIN_KNOWN = 0.5
# A list whose items the answer tells for this share, and at least so many of, is told to its end.
_COMPLETED_FROM = 0.5
_MIN_TOLD = 2
_MAX_ADDED = 12
_LISTS = (BlockKind.LIST, BlockKind.PROCEDURE)


class GroundedStrategy:
    """Answers in the model's words, cited and verified by code.

    Args:
        generator: of the engine.
        budgets: how much is read and written.
        embedder: compares claims with sentences.
    """

    def __init__(self, generator: Generator, budgets: Budgets, embedder: Embedder) -> None:
        self._generator = generator
        self._budgets = budgets
        self._embedder = embedder

    async def answer(self, context: RequestContext, found: SearchResult, limits: Limits) -> Outcome | None:
        """The answer; None when nothing of what the model says stands.

        Raises:
            PromptTooLong: in mode `generative`; otherwise a quote takes its place.
        """
        generation = await self._generate(context, found)
        if generation is None:
            return None
        drafted = read_draft(generation.text, complete=generation.complete)
        with span(signals.VERIFY) as verification:
            store = context.corpus.store
            outcome = await asyncio.to_thread(self._compose, drafted, found, store, context.language)
            if outcome is not None and context.request.mode != "generative":
                outcome = _with_left_out(outcome, found, limits, context.language)
            verification.set({signals.DECISION: "nothing" if outcome is None else "kept"})
        return outcome

    async def _generate(self, context: RequestContext, found: SearchResult) -> Generation | None:
        """What the model writes of the passages, or of the better half of them as long as they are too long."""
        rewriting, request = found.rewriting, context.request
        history = request.history if rewriting.route == "followup" and rewriting.standalone == request.question else []
        passages: Sequence[ContextPassage] = found.context.passages

        while True:
            messages = prompt.messages(rewriting.standalone, history, passages, rewriting.shape, context.language)
            try:
                generation = await self._generator.generate(
                    messages,
                    max_tokens=request.max_tokens or self._budgets.answer_tokens(rewriting.shape),
                    adapter=context.adapter,
                    temperature=request.temperature,
                    seed=request.seed,
                    on_text=context.write,
                    salt=context.salt,
                    deadline=context.deadline,
                )
            except PromptTooLong:
                if len(passages) > 1:
                    passages = passages[: len(passages) // 2]
                    continue
                if request.mode == "generative":
                    raise
                context.step("answerer", "too_long")
                return None
            decision = "repeated" if generation.repeated else "complete" if generation.complete else "cut"
            context.step("answerer", decision, passages=len(passages), max_tokens_reached=decision == "cut")
            context.generated(generation)
            return generation

    def _compose(
        self, drafted: Sequence[DraftBlock], found: SearchResult, store: Store, language: Language
    ) -> Outcome | None:
        question = found.rewriting.standalone
        attributor = Attributor(
            found.context, question, found.relevant[0].finding.query.vector, language, store.lexical.weight,
            self._embedder.embed_questions,
            store.sentence_vectors.get,
        )  # fmt: skip
        claims = [claim for block in drafted for claim in block.claims]
        attributions = iter(attributor.attribute(claims))
        introduces = _Introduction(question, found.context, language)
        composer, pending, dropped = AnswerComposer(), list[DraftBlock](), list[str]()
        supports: list[float] = []
        introduced: AnswerKind | None = None
        for block in drafted:
            if block.introduces:
                # Of two in a row the later one introduces what comes; a header row is introduced itself.
                kinds = ("heading", "paragraph") if block.kind == "header" else ("heading",)
                pending = [one for one in pending if one.kind in kinds and block.kind != "heading"]
                pending += [block] if introduces(block.text) else []
                introduced = None
                continue
            if introduced not in (None, block.kind):
                # What it introduced has been dropped.
                pending = [one for one in pending if one.kind == "heading"]
            introduced = block.kind
            made = [(claim, next(attributions)) for claim in block.claims]
            kept = [one for one in made if one[1].stands and not repeats_instructions(one[0])]
            dropped += [one[0] for one in made if one not in kept]
            if not kept:
                continue
            for one in pending:
                composer.say(one.text, one.kind, depth=one.depth)
            pending = []
            supports += [attribution.support for _, attribution in kept]
            _add(composer, block, kept)
        if not supports:
            return None
        added = _complete(composer, found.context, attributor, language)
        support = sum(supports) / len(supports)
        confidence = support * max(item.confidence for item in found.relevant)
        return Outcome(
            composer, confidence, "model+extract" if added else "model", len(supports), tuple(dropped),
            {"support": round(support, 3), "completed": added},
        )  # fmt: skip


def _with_left_out(outcome: Outcome, found: SearchResult, limits: Limits, language: Language) -> Outcome:
    """The outcome with quotes of the best units that the model's words do not rest on.

    A small model passes over a part of a question, or reads it wrongly: the reader sees what the documents say.
    """
    quotable = [item for item in found.relevant if item.confidence >= limits.min_confidence]
    units = [unit for item in quotable for unit in units_passed_over(outcome.answer, item, found, parts=len(quotable))]
    if not units:
        return outcome
    outcome.answer.say(ALSO[language])
    for unit in units:
        if not outcome.answer.cites(unit.passage.source, unit.start, unit.end):
            add_unit(outcome.answer, unit, language)
    return replace(outcome, decision="model+extract")


def _add(composer: AnswerComposer, block: DraftBlock, kept: Sequence[tuple[str, Attribution]]) -> None:
    text = " ".join(claim for claim, _ in kept) if block.kind == "paragraph" else block.text
    spans = [one for _, attribution in kept for one in attribution.spans]
    support = sum(attribution.support for _, attribution in kept) / len(kept)
    composer.add(block.kind, text, spans, support, depth=block.depth)


class _Introduction:
    """Whether a text that claims nothing may introduce what follows: it speaks of the question or the passages."""

    def __init__(self, question: str, context: Context, language: Language) -> None:
        self._language: Language = language
        texts = [(question, language), *((f"{one.head}\n{one.text}", one.language) for one in context.passages)]
        self._known = {term for text, spoken in texts for term in terms(ungrouped(text), spoken)}
        self._exact = {token for text, _ in texts for token in exact_tokens(text)}

    def __call__(self, text: str) -> bool:
        if repeats_instructions(text):
            return False
        said = set(terms(ungrouped(text), self._language))
        numbers = {token for token in exact_tokens(text) if token[:1].isdigit() and len(token) > 1}
        return not numbers - self._exact and len(said & self._known) >= _MIN_KNOWN * len(said)


def _complete(composer: AnswerComposer, context: Context, attributor: Attributor, language: Language) -> int:
    """Add the items of a source list that the answer has told for the most part; how many were added."""
    said = set(terms(composer.text, language))
    for passage in context.passages:
        for block in passage.blocks:
            if block.kind not in _LISTS or block.end > passage.end or block.start < passage.start:
                continue
            items = _items(passage, block, attributor)
            told = [item for item in items if composer.touches(item.source, item.start, item.end)]
            missing = [
                item for item in items if item not in told and not set(terms(item.text, passage.language)) <= said
            ]
            enough = len(told) >= max(_MIN_TOLD, _COMPLETED_FROM * len(items))
            last = composer.blocks[-1].kind
            if not enough or not missing or len(missing) > _MAX_ADDED or last not in ("item", "step"):
                continue
            for item in missing:
                text = next((one.text for one in parse_markdown(item.text)), "")
                if text:
                    composer.add(last, text, [item], 1.0)
            return len(missing)
    return 0


def _items(passage: ContextPassage, block: Block, attributor: Attributor) -> list[SourceSpan]:
    """The outermost items of a source list, each with all of its sentences."""
    groups: list[list[Sentence]] = []
    outermost, end = 0, block.lead_end
    for sentence in passage.sentences:
        if not block.lead_end <= sentence.start < block.end:
            continue
        at = sentence.start - passage.start
        indent = at - (passage.text.rfind("\n", 0, at) + 1)
        begins = sentence.kind == Kind.ITEM and (not groups or "\n" in passage.text[end - passage.start : at])
        if begins and (not groups or indent <= outermost):
            outermost = indent
            groups.append([])
        if groups:
            groups[-1].append(sentence)
        end = sentence.end
    return [SourceSpan.of_sentences(passage, group, attributor.relevance(group)) for group in groups]
