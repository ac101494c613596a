"""The strategy `extractive`: quotes the units that answer, without a language model.

A unit is what a reader would copy: a whole list or procedure with its lead-in, table rows under their header, a
question with its answer, a paragraph or the sentences of it that speak to the question.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.answering.abstention import Limits
from agent.answering.composition import AnswerComposer, SourceSpan
from agent.answering.context_builder import Context, ContextPassage
from agent.answering.rewriting import Shape
from agent.answering.scored_subquery import ScoredSubquery, SearchResult
from agent.answering.strategies.outcome import Outcome
from agent.retrieval.evidence import Evidence
from agent.schemas import Language
from agent.store.documents import Block, Sentence
from agent.text.blocks import BlockKind
from agent.text.facts import exact_tokens
from agent.text.markdown import introduces, parse_markdown
from agent.text.words import terms

LEAD: dict[Language, str] = {"en": "The documents say:", "es": "Los documentos dicen:"}

# Words that a quotation may have altogether, by the shape of the answer; the first unit goes in whatever it has.
_MAX_WORDS: dict[Shape, int] = {
    "fact": 110, "explanation": 160, "comparison": 220, "table": 220, "list": 220, "steps": 240,
}  # fmt: skip
_MAX_UNITS = 4
# Kinds of blocks that an answer of a shape is looked for in first, and quoted whole from.
_FITTING: dict[Shape, frozenset[str]] = {
    "fact": frozenset(),
    "explanation": frozenset(),
    "comparison": frozenset({BlockKind.TABLE}),
    "table": frozenset({BlockKind.TABLE, BlockKind.LIST}),
    "list": frozenset({BlockKind.LIST, BlockKind.PROCEDURE, BlockKind.TABLE}),
    "steps": frozenset({BlockKind.PROCEDURE, BlockKind.LIST, BlockKind.CODE}),
}
_FITTING_BONUS = 1.0
# A block with more words is quoted in part, around the sentences that answer.
_LARGEST_WHOLE = 260
_LARGEST_OTHER = 90
_PARTIAL_WORDS = 70
# Share of the question's weight that a further unit must add.
_MIN_GAIN: dict[Shape, float] = {
    "fact": 0.0, "explanation": 0.0, "comparison": 0.0, "table": 0.0, "list": 0.0, "steps": 0.0,
}  # fmt: skip
# A sentence whose score is further below the best one's speaks of something else.
_MAX_DISTANCE = 2.5
_DATED = re.compile(r"(?:1[5-9]|20)\d\d(?:-\d\d-\d\d)?")


@dataclass(frozen=True, slots=True)
class Unit:
    """A stretch of a passage to quote: whole when it is all of `block`, else some of its sentences.

    `score` ranks it among the units of one question, `cosine` compares its best sentence with the question; `terms`
    are those of the text and its head, `matched` how many years and dates of the question are among them.
    """

    passage: ContextPassage
    block: Block
    sentences: tuple[Sentence, ...]
    whole: bool
    score: float
    cosine: float
    terms: frozenset[str]
    matched: int

    @property
    def start(self) -> int:
        """Where the quotation begins in the document."""
        return self.block.start if self.whole else self.sentences[0].start

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.block.end if self.whole else self.sentences[-1].end

    @property
    def words(self) -> int:
        """How many words it has."""
        return sum(len(sentence.text.split()) for sentence in self.sentences)


def answer_by_quotes(found: SearchResult, limits: Limits, language: Language) -> Outcome | None:
    """The best units of each sub-query that has one good enough; None when none has."""
    composer = AnswerComposer()
    quotable = [item for item in found.relevant if item.confidence >= limits.min_confidence]
    for item in quotable:
        quote_units(composer, item, found, language, parts=len(quotable))
    if not composer.blocks:
        return None
    return Outcome(composer, min(item.confidence for item in quotable), "extract", kept=len(composer.citations))


def quote_units(
    composer: AnswerComposer, item: ScoredSubquery, found: SearchResult, language: Language, *, parts: int = 1
) -> None:
    """Add the best units of one sub-query, best first, in its share of the words that an answer may have.

    A further unit must speak of something in the question that those before it do not.
    """
    shape = found.rewriting.shape
    room = _MAX_WORDS[shape] // min(parts, 2)
    query = item.finding.query
    weights = {term: found.weight(term) for term in query.terms}
    total = sum(weights.values()) or 1.0
    covered: set[str] = set()
    taken = 0
    units = _units(item.finding.evidence, found.context, shape, exact_tokens(query.text))
    for unit in units:
        if taken == _MAX_UNITS or units[0].score - unit.score > _MAX_DISTANCE:
            return
        gain = sum(weights[term] for term in (unit.terms & weights.keys()) - covered) / total
        if taken and (unit.words > room or gain < _MIN_GAIN[shape]):
            continue
        if composer.cites(unit.passage.source, unit.start, unit.end):
            continue
        add_unit(composer, unit, language)
        covered |= unit.terms
        room -= unit.words
        taken += 1


def add_unit(composer: AnswerComposer, unit: Unit, language: Language) -> None:
    """Quote one unit; the first of an answer in another language is introduced in that of the answer."""
    span = SourceSpan.of_stretch(unit.passage, unit.start, unit.end, unit.cosine)
    if not composer.blocks and unit.passage.language != language:
        composer.say(LEAD[language])
    blocks = parse_markdown(span.text) if unit.whole else []
    if all(map(introduces, blocks)):
        composer.add("paragraph", " ".join(span.text.split()), [span], 1.0)
        return
    for block in blocks:
        if introduces(block):
            composer.say(block.text, block.kind, depth=block.depth)
        else:
            composer.add(block.kind, block.text, [span], 1.0, depth=block.depth)


def _units(evidence: Sequence[Evidence], context: Context, shape: Shape, asked: set[str]) -> list[Unit]:
    """The units that the sentences of the hits stand in, each once, best first.

    Where some of them have the years and dates of the question, in their text or in the head of their passage, the
    others are about other days, and are left out.
    """
    values = {token for token in asked if _DATED.fullmatch(token)}
    found: dict[tuple[str, int], Unit] = {}
    for item in evidence:
        unit = _unit_of(item, context, shape, values)
        if unit is not None:
            found.setdefault((unit.passage.source, unit.start), unit)
    most = max((unit.matched for unit in found.values()), default=0)
    return sorted((unit for unit in found.values() if unit.matched == most), key=lambda unit: -unit.score)


def _unit_of(evidence: Evidence, context: Context, shape: Shape, values: set[str]) -> Unit | None:
    """The unit of one sentence; None where the context has left it out, or where it is not worth quoting."""
    sentence, source = evidence.sentence, evidence.passage.chunk.source
    for passage in context.passages:
        if passage.source != source or not passage.start <= sentence.start < passage.end:
            continue
        block = next((one for one in passage.blocks if one.start <= sentence.start < one.end), None)
        if block is None:
            return None
        inside = [one for one in passage.sentences if block.start <= one.start and one.end <= block.end]
        said = [one for one in inside if values & exact_tokens(one.text)]
        if said and len(said) < len(inside) and block.kind not in _FITTING[shape]:
            # The sentences beside them have other values.
            if sentence not in said:
                return None
            return _unit(passage, block, [sentence], evidence, evidence.score, values, whole=False)
        return _quoted(passage, block, inside, evidence, shape, values)
    return None


def _quoted(
    passage: ContextPassage,
    block: Block,
    inside: Sequence[Sentence],
    evidence: Evidence,
    shape: Shape,
    values: set[str],
) -> Unit | None:
    fits = block.kind in _FITTING[shape]
    score = evidence.score + (_FITTING_BONUS if fits else 0.0)
    words = sum(len(one.text.split()) for one in inside)
    cut = block.start < passage.start or block.end > passage.end
    # A lead-in without what it introduces says nothing.
    alone = block.lead_end == inside[-1].end or inside[-1].text.rstrip("*_ ").endswith(":")
    if not cut and not alone and words <= (_LARGEST_WHOLE if fits else _LARGEST_OTHER):
        return _unit(passage, block, inside, evidence, score, values, whole=True)
    place = next((at for at, one in enumerate(inside) if one.start == evidence.sentence.start), None)
    if place is None or evidence.sentence.text.rstrip("*_ ").endswith(":") or evidence.sentence.end <= block.lead_end:
        return None
    first = last = place
    room = _PARTIAL_WORDS - len(inside[place].text.split())
    for at in (place + 1, place - 1, place + 2):
        size = len(inside[at].text.split()) if 0 <= at < len(inside) else room + 1
        if at in (last + 1, first - 1) and size <= room and inside[at].start >= block.lead_end:
            room -= size
            first, last = min(first, at), max(last, at)
    if inside[last].text.rstrip("*_ ").endswith(":"):
        last -= 1
    if last < first:
        return None
    return _unit(passage, block, inside[first : last + 1], evidence, score, values, whole=False)


def _unit(
    passage: ContextPassage,
    block: Block,
    sentences: Sequence[Sentence],
    evidence: Evidence,
    score: float,
    values: set[str],
    *,
    whole: bool,
) -> Unit:
    text = "\n".join(sentence.text for sentence in sentences)
    around = f"{passage.title}\n{passage.date or ''}\n{block.heading}\n{text}"
    matched = len(values & exact_tokens(around))
    said = frozenset(terms(around, passage.language))
    return Unit(passage, block, tuple(sentences), whole, score, evidence.cosine, said, matched)
