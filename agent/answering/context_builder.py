"""Builds what a model reads, and an answer quotes: whole blocks around the hits, in as many tokens as it may have.

A hit is a chunk. It becomes the blocks that it touches, so that no list, procedure or table is cut, and then grows by
the blocks beside it. Blocks that follow each other in a document are one passage, cut out of it as it stands.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from agent.retrieval.retriever import Passage
from agent.schemas import Language
from agent.store.chunks import Chunks
from agent.store.documents import Block, Sentence
from agent.text.blocks import head_of

CountTokens = Callable[[str], int]

# The first hits are completed by the blocks beside them; further down a hit is more often about something else.
_WIDENED = 3
# Blocks and tokens on either side that a hit may grow by.
_REACH = 6
_REACH_TOKENS = 400
# A block with more than this share of the budget is cut around the hit.
_LARGEST_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class ContextPassage:
    """A stretch of one document: `document[start:end] == text`, made of whole blocks, headings between them included.

    `rank` is the place of the best hit in it, from 0, and `score` its dense score; `sentences` are its units in order,
    each once.
    """

    source: str
    title: str
    heading: str
    date: str | None
    language: Language
    start: int
    end: int
    text: str
    tokens: int
    rank: int
    score: float
    blocks: tuple[Block, ...]
    sentences: tuple[Sentence, ...]

    @property
    def head(self) -> str:
        """Title, date and heading path on one line."""
        return head_of(self.title, self.date, self.heading)

    def block_at(self, offset: int) -> Block | None:
        """The block that an offset of the document is in, None between two blocks."""
        return next((block for block in self.blocks if block.start <= offset < block.end), None)


@dataclass(frozen=True, slots=True)
class Context:
    """The passages, best first, and how many tokens their texts are together."""

    passages: tuple[ContextPassage, ...] = ()
    tokens: int = 0


class ContextBuilder:
    """Builds contexts from one store.

    Args:
        chunks: of the store that the hits come from.
        count_tokens: length of a text in tokens of the model that will read it.
        budget_tokens: most tokens of a context; the best hit goes in whatever it takes.
    """

    def __init__(self, chunks: Chunks, count_tokens: CountTokens, budget_tokens: int) -> None:
        self._chunks = chunks
        self._count_tokens = count_tokens
        self._budget = budget_tokens

    def build(self, hits: Sequence[Passage]) -> Context:
        """The context for hits, best first. Blocking: call it in a thread."""
        selection = _Selection(self._budget, self._piece)
        cores = [self._core(hit) for hit in hits]
        for rank, hit in enumerate(hits):
            if rank == _WIDENED:
                self._widen(hits[:_WIDENED], cores[:_WIDENED], selection)
            selection.add(hit.chunk.source, cores[rank], rank)
        if len(hits) <= _WIDENED:
            self._widen(hits, cores, selection)
        passages = sorted(self._passages(selection, hits), key=lambda passage: passage.rank)
        return Context(tuple(passages), sum(passage.tokens for passage in passages))

    def _core(self, hit: Passage) -> list["_Piece"]:
        """The blocks that a hit touches; of one that is too large its introduction and the part that was hit."""
        chunk = hit.chunk
        pieces = []
        for block in self._chunks.blocks(chunk.source, chunk.start, chunk.end):
            piece = self._piece(chunk.source, block, block.start, block.end)
            if piece.tokens <= _LARGEST_SHARE * self._budget:
                pieces.append(piece)
                continue
            start, end = max(block.start, chunk.start), min(block.end, chunk.end)
            if block.lead_end > block.start and block.lead_end < start:
                pieces.append(self._piece(chunk.source, block, block.start, block.lead_end))
            pieces.append(self._piece(chunk.source, block, start, end))
        return pieces

    def _widen(self, hits: Sequence[Passage], cores: Sequence[Sequence["_Piece"]], selection: "_Selection") -> None:
        """Add what stands beside the best hits: first all that follows in the section, then what comes before."""
        for rank, (hit, core) in enumerate(zip(hits, cores, strict=True)):
            section = self._chunks.section(hit.chunk.source, core[0].start)
            after = [block for block in section if block.start >= core[-1].end][:_REACH]
            before = [block for block in reversed(section) if block.end <= core[0].start][:_REACH]
            for side in (after, before):
                room = _REACH_TOKENS
                for block in side:
                    piece = self._piece(hit.chunk.source, block, block.start, block.end)
                    room -= piece.tokens
                    if room < 0 or not selection.add(hit.chunk.source, [piece], rank):
                        break

    def _piece(self, source: str, block: Block, start: int, end: int) -> "_Piece":
        return _Piece(block, start, end, self._count_tokens(self._chunks.text_between(source, start, end)))

    def _passages(self, selection: "_Selection", hits: Sequence[Passage]) -> Iterable[ContextPassage]:
        for source, pieces in selection.by_source.items():
            for run in self._runs(source, sorted(pieces, key=lambda piece: piece.start)):
                rank = min(pieces[piece] for piece in run)
                chunk = hits[rank].chunk
                start, end = run[0].start, run[-1].end
                text = self._chunks.text_between(source, start, end)
                yield ContextPassage(
                    source, chunk.title, run[0].block.heading, chunk.date, chunk.language, start, end, text,
                    self._count_tokens(text), rank, hits[rank].dense, tuple(piece.block for piece in run),
                    self._sentences(source, start, end),
                )  # fmt: skip

    def _runs(self, source: str, pieces: Sequence["_Piece"]) -> list[list["_Piece"]]:
        """Pieces that follow each other without a block, or a part of one, between them."""
        runs: list[list[_Piece]] = []
        for piece in pieces:
            if runs and self._follows(source, runs[-1][-1], piece):
                runs[-1].append(piece)
            else:
                runs.append([piece])
        return runs

    def _follows(self, source: str, one: "_Piece", other: "_Piece") -> bool:
        if one.block == other.block:
            return not self._chunks.text_between(source, one.end, other.start).strip()
        return not self._chunks.blocks(source, one.end, other.start)

    def _sentences(self, source: str, start: int, end: int) -> tuple[Sentence, ...]:
        found: dict[int, Sentence] = {}
        for chunk in self._chunks.overlapping(source, start, end):
            for sentence in chunk.sentences:
                if start <= sentence.start and sentence.end <= end:
                    found.setdefault(sentence.start, sentence)
        return tuple(found[at] for at in sorted(found))


@dataclass(frozen=True, slots=True)
class _Piece:
    """A block, or the part of it from `start` to `end`."""

    block: Block
    start: int
    end: int
    tokens: int


@dataclass(slots=True)
class _Selection:
    """The pieces chosen so far, disjoint, each with the rank of the best hit that it came in by.

    `measure` makes the piece of a block from one offset of a document to another.
    """

    budget: int
    measure: Callable[[str, Block, int, int], _Piece]
    by_source: dict[str, dict[_Piece, int]] = field(default_factory=dict)

    def add(self, source: str, pieces: Sequence[_Piece], rank: int) -> bool:
        """Take the pieces that are not there yet, all of them or none; the first ever go in whatever they take."""
        known = dict(self.by_source.get(source, {}))
        tokens = 0
        for piece in pieces:
            overlapping = [one for one in known if one.start < piece.end and piece.start < one.end]
            if any(one.start <= piece.start and piece.end <= one.end for one in overlapping):
                continue
            # Two parts of one block, as overlapping chunks are, become one part.
            start = min((piece.start, *(one.start for one in overlapping)))
            end = max((piece.end, *(one.end for one in overlapping)))
            union = self.measure(source, piece.block, start, end)
            tokens += union.tokens - sum(one.tokens for one in overlapping)
            known[union] = min((rank, *(known.pop(one) for one in overlapping)))
        if self.by_source and tokens > self.budget:
            return False
        self.budget -= tokens
        self.by_source[source] = known
        return True
