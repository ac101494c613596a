"""The strategy `extractive`: quotes the units that answer, without a language model.

A unit is what a reader would copy: a whole list or procedure with its lead-in, table rows under their header, a
question with its answer, a paragraph or the sentences of it that speak to the question.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from agent.answering.abstention import Limits
from agent.answering.composition import AnswerComposer, SourceSpan
from agent.answering.context_builder import Context, ContextPassage
from agent.answering.rewriting import Shape
from agent.answering.scored_subquery import ScoredSubquery, SearchResult
from agent.answering.strategies.outcome import Outcome
from agent.retrieval.evidence import Evidence
from agent.schemas import Language
from agent.store.documents import Block, Sentence
from agent.text.blocks import BlockKind, head_of
from agent.text.facts import exact_tokens
from agent.text.markdown import MarkdownBlock, introduces, parse_markdown
from agent.text.orders import gives_orders
from agent.text.sentences import Kind, introduces_more

LEAD: dict[Language, str] = {"en": "The documents say:", "es": "Los documentos dicen:"}
ALSO: dict[Language, str] = {"en": "The documents also say:", "es": "Los documentos dicen también:"}

# Words that a quotation may have altogether, by the shape of the answer; the first unit goes in whatever it has.
_MAX_WORDS: dict[Shape, int] = {
    "fact": 110, "explanation": 160, "comparison": 220, "table": 220, "list": 220, "steps": 240,
}  # fmt: skip
_MAX_UNITS = 4
# Units that a model is expected to rest its words on.
_FIRST_UNITS = 2
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
# A sentence whose score is further below the best one's speaks of something else.
_MAX_DISTANCE = 2.5
_LISTS = (BlockKind.LIST, BlockKind.PROCEDURE)
_DATED = re.compile(r"(?:1[5-9]|20)\d\d(?:-\d\d-\d\d)?")
_ITEM_MARKER = re.compile(r"(?:[-*+]|\d+[.)])\s+")


@dataclass(frozen=True, slots=True)
class Unit:
    """A stretch of a passage to quote: whole when it is all of `block`, else some of its sentences.

    `lead` is the text that introduces the block, where only a part of it is quoted. `score` ranks the unit among those
    of one question, `cosine` compares its best sentence with the question; `matched` is how many years and dates of the
    question it has, in its text or in the head of its passage.
    """

    passage: ContextPassage
    block: Block
    sentences: tuple[Sentence, ...]
    whole: bool
    lead: str
    score: float
    cosine: float
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

    def overlaps(self, other: "Unit") -> bool:
        """Whether both quote the same sentence."""
        return self.passage.source == other.passage.source and self.start < other.end and other.start < self.end


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
    """Add the best units of one sub-query that the answer does not quote yet, best first."""
    for unit in _select(item, found, composer.cites, among=None, most=_MAX_UNITS, parts=parts):
        add_unit(composer, unit, language)


def units_passed_over(
    composer: AnswerComposer, item: ScoredSubquery, found: SearchResult, *, parts: int = 1
) -> list[Unit]:
    """Those of the first units of a sub-query that an answer in a model's words rests on nowhere."""
    return _select(item, found, composer.touches, among=_FIRST_UNITS, most=_FIRST_UNITS, parts=parts)


def _select(
    item: ScoredSubquery,
    found: SearchResult,
    is_known: Callable[[str, int, int], bool],
    *,
    among: int | None,
    most: int,
    parts: int,
) -> list[Unit]:
    """The best units of a sub-query, in its share of the words that an answer may have; the first whatever it has.

    Args:
        item: the sub-query.
        found: all that was found for the question.
        is_known: whether the answer has a stretch of a document already.
        among: looks at the best so many only.
        most: takes at most so many.
        parts: of the question, that share the words.
    """
    shape = found.rewriting.shape
    room = _MAX_WORDS[shape] // min(parts, 2)
    units = _UnitFinder(found.context, shape, item.finding.query.text).units(item.finding.evidence)
    taken: list[Unit] = []
    for unit in units[:among]:
        if len(taken) == most or units[0].score - unit.score > _MAX_DISTANCE:
            break
        known = is_known(unit.passage.source, unit.start, unit.end) or any(map(unit.overlaps, taken))
        if not known and (not taken or unit.words <= room):
            taken.append(unit)
            room -= unit.words
    return taken


def add_unit(composer: AnswerComposer, unit: Unit, language: Language) -> None:
    """Quote one unit; the first of an answer in another language is introduced in that of the answer."""
    span = SourceSpan.of_stretch(unit.passage, unit.start, unit.end, unit.cosine)
    if not composer.blocks and unit.passage.language != language:
        composer.say(LEAD[language])
    blocks = _blocks(unit, span.text)
    if all(map(introduces, blocks)):
        composer.add("paragraph", " ".join(span.text.split()), [span], 1.0)
        return
    numbers = (block.number for block in blocks if block.number is not None)
    first = None if unit.whole else next(numbers, None)
    for block in blocks:
        if introduces(block):
            composer.say(block.text, block.kind, depth=block.depth)
        else:
            composer.add(block.kind, block.text, [span], 1.0, depth=block.depth, number=first)
            first = None


def _blocks(unit: Unit, text: str) -> list[MarkdownBlock]:
    """The quoted text as it is shown: of a part of a list, a table or code with what introduces it."""
    if unit.whole:
        return parse_markdown(text)
    lead = parse_markdown(unit.lead)
    if unit.block.kind == BlockKind.CODE:
        return [*lead, MarkdownBlock("code", text)]
    if unit.block.kind == BlockKind.TABLE:
        header = unit.lead.rsplit("\n", 1)[-1]
        rule = f"|{'---|' * (header.count('|') - 1)}" if header.count("|") > 1 else ""
        return parse_markdown(f"{unit.lead}\n{rule}\n{text}")
    if unit.sentences[0].kind == Kind.ITEM:
        return [*lead, *parse_markdown(f"{_marker(unit.passage, unit.start)}{text}")]
    return []


def _marker(passage: ContextPassage, start: int) -> str:
    """What makes an item of the line: "- ", "12. "."""
    at = start - passage.start
    return passage.text[passage.text.rfind("\n", 0, at) + 1 : at].lstrip()


class _UnitFinder:
    """Finds the units of a context that the sentences of the hits stand in."""

    def __init__(self, context: Context, shape: Shape, question: str) -> None:
        self._context = context
        self._shape = shape
        self._dates = {token for token in exact_tokens(question) if _DATED.fullmatch(token)}

    def units(self, evidence: Sequence[Evidence]) -> list[Unit]:
        """Each unit once, best first.

        Where some of them have the years and dates of the question, the others are about other days, and are left out.
        """
        found: dict[tuple[str, int], Unit] = {}
        for item in evidence:
            unit = self._unit_of(item)
            if unit is not None:
                found.setdefault((unit.passage.source, unit.start), unit)
        most = max((unit.matched for unit in found.values()), default=0)
        return sorted((unit for unit in found.values() if unit.matched == most), key=lambda unit: -unit.score)

    def _unit_of(self, evidence: Evidence) -> Unit | None:
        """The unit of one sentence; None where the context has left it out, or where it is not worth quoting."""
        sentence, source = evidence.sentence, evidence.passage.chunk.source
        for passage in self._context.passages:
            if passage.source != source or not passage.start <= sentence.start < passage.end:
                continue
            block = passage.block_at(sentence.start)
            if block is None:
                return None
            inside = [one for one in passage.sentences if block.start <= one.start and one.end <= block.end]
            # What stands behind an order to the model is no answer.
            heeded = list(takewhile(lambda one: not gives_orders(one.text), inside))
            if not any(one.start == sentence.start for one in heeded):
                return None
            cut = block.start < passage.start or block.end > passage.end or len(heeded) < len(inside)
            return self._quoted(passage, block, heeded, evidence, cut=cut)
        return None

    def _quoted(
        self, passage: ContextPassage, block: Block, inside: Sequence[Sentence], evidence: Evidence, *, cut: bool
    ) -> Unit | None:
        fits = block.kind in _FITTING[self._shape]
        score = evidence.score + (_FITTING_BONUS if fits else 0.0)
        dated = self._dated(block, inside)
        if dated:
            # The sentences beside them are about other days.
            kept = [evidence.sentence] if evidence.sentence in dated else []
            return self._unit(passage, block, kept, evidence, score) if kept else None
        words = sum(len(one.text.split()) for one in inside)
        # A lead-in without what it introduces says nothing.
        alone = block.lead_end == inside[-1].end or introduces_more(inside[-1].text)
        if not cut and not alone and words <= (_LARGEST_WHOLE if fits else _LARGEST_OTHER):
            return self._unit(passage, block, inside, evidence, score, whole=True)
        part = self._part(passage, block, inside, evidence)
        return self._unit(passage, block, part, evidence, score) if part else None

    def _dated(self, block: Block, inside: Sequence[Sentence]) -> list[Sentence]:
        """The sentences with a date of the question, where the others of the block have none; what introduces a block
        dates all of it.
        """
        dated = [one for one in inside if self._dates & exact_tokens(one.text)]
        stated = sum(one.end > block.lead_end for one in inside)
        introduced = any(one.end <= block.lead_end or introduces_more(one.text) for one in dated)
        return dated if len(dated) < stated and not introduced else []

    def _part(
        self, passage: ContextPassage, block: Block, inside: Sequence[Sentence], evidence: Evidence
    ) -> Sequence[Sentence]:
        """The sentence that answers with some around it; none when it only introduces others."""
        place = next((at for at, one in enumerate(inside) if one.start == evidence.sentence.start), None)
        if place is None or introduces_more(evidence.sentence.text) or evidence.sentence.end <= block.lead_end:
            return []
        first = last = place
        room = _PARTIAL_WORDS - len(inside[place].text.split())
        for at in (place + 1, place - 1, place + 2):
            size = len(inside[at].text.split()) if 0 <= at < len(inside) else room + 1
            if at in (last + 1, first - 1) and size <= room and inside[at].start >= block.lead_end:
                room -= size
                first, last = min(first, at), max(last, at)
        if introduces_more(inside[last].text):
            last -= 1
        if last >= first and block.kind in _LISTS:
            # An item from its beginning on.
            while first > 0 and inside[first - 1].start >= block.lead_end and not _begins(passage, inside[first]):
                first -= 1
        return inside[first : last + 1]

    def _unit(
        self,
        passage: ContextPassage,
        block: Block,
        sentences: Sequence[Sentence],
        evidence: Evidence,
        score: float,
        *,
        whole: bool = False,
    ) -> Unit:
        head = head_of(passage.title, passage.date, block.heading)
        text = "\n".join([head, *(one.text for one in sentences)])
        matched = len(self._dates & exact_tokens(text))
        lead = "" if whole else self._lead_of(block, passage.source)
        return Unit(passage, block, tuple(sentences), whole, lead, score, evidence.cosine, matched)

    def _lead_of(self, block: Block, source: str) -> str:
        """The text that introduces a block; empty where there is none, or where the context has left it out."""
        for passage in self._context.passages:
            if passage.source == source and passage.start <= block.start and block.lead_end <= passage.end:
                return passage.text[block.start - passage.start : block.lead_end - passage.start]
        return ""


def _begins(passage: ContextPassage, sentence: Sentence) -> bool:
    """Whether an item begins with this sentence."""
    return sentence.kind == Kind.ITEM and _ITEM_MARKER.fullmatch(_marker(passage, sentence.start)) is not None
