"""The blocks of a document: what a reader sees as one thing, made of the units of `agent.text.sentences`.

A list, a procedure, a table or a code sample begins with the sentence that introduces it, when there is one; a question
stands together with the paragraph that answers it. Blocks are what a chunk is packed from and what an answer quotes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.text.sentences import Kind, Span, introduces_more, split_units

# Between the headings of a heading path: "Guide > Settings".
HEADING_JOINT = " > "


def head_of(title: str, date: str | None, heading: str) -> str:
    """Title, date and heading path on one line: a year or a name often stands nowhere else."""
    dated = f"{title} ({date})" if date and date not in title else title
    path = heading.split(HEADING_JOINT) if heading else []
    if path and path[0].casefold() == title.casefold():
        path = path[1:]
    return HEADING_JOINT.join([dated, *path])


class BlockKind(StrEnum):
    """What a block is. Readers write all formats in one notation, so the text tells."""

    PARAGRAPH = "paragraph"
    LIST = "list"
    PROCEDURE = "procedure"
    TABLE = "table"
    CODE = "code"
    QA = "qa"


@dataclass(frozen=True, slots=True)
class TextBlock:
    """One block: `text[start:end]`, with list markers and code fences, under the heading path `heading`.

    Attributes:
        section: the ordinal of the heading that it stands under, 0 before the first one.
        units: its sentences, items, rows or lines of code, in order.
        lead: how many of the first units only introduce the others: a lead-in, a header row, a question.
    """

    kind: BlockKind
    heading: str
    section: int
    start: int
    end: int
    units: tuple[Span, ...]
    lead: int = 0

    @property
    def lead_end(self) -> int:
        """Where the introducing units end; `start` when there are none."""
        return self.units[self.lead - 1].end if self.lead else self.start


# A numbered clause may introduce what stands below it, set in or not.
_INTRODUCING = frozenset({BlockKind.PARAGRAPH, BlockKind.LIST, BlockKind.PROCEDURE})
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_NUMBERED = re.compile(r"\s*(?:[*_]{2})?(?:\d{1,3}|[a-zA-Z])[.)ºª]")
_LETTERED = re.compile(r"(?:[a-zñ]|[ivx]{1,5}|\d{1,2}\.?[ªº])[)]?[.)]?(?<=[.)ªº])\s")
_RULE_LINE = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t|:+-]*)?$")
_FENCE_LINE = re.compile(r"[ \t]*(?:`{3,}|~{3,})[^\n`]*$")
_QUESTION = re.compile(r"[*_\"“«]*(?:(?:Q|P|Question|Pregunta)\s*[:.]\s*)?[^\n]{4,240}\?[*_\"”»\s]*$")
_INDENTED = re.compile(r"(?: {2,}|\t)")


def split_blocks(text: str, begin: int = 0) -> Iterator[TextBlock]:
    """The blocks of Markdown or plain text from offset `begin` on, in order, without overlap; headings are in none."""
    path: list[tuple[int, str]] = []
    units: list[Span] = []
    number = 0
    for span in split_units(text, begin):
        if span.kind is not Kind.HEADING:
            units.append(span)
            continue
        yield from _Section(text, begin, HEADING_JOINT.join(name for _, name in path), number).blocks(units)
        units, number = [], number + 1
        line = text[span.start : span.end]
        level = len(line) - len(line.lstrip("#"))
        path = [entry for entry in path if entry[0] < level] + [(level, line.strip("# \t"))]
    yield from _Section(text, begin, HEADING_JOINT.join(name for _, name in path), number).blocks(units)


@dataclass(slots=True)
class _Run:
    """Units that are read as one, before lead-ins and answers are attached."""

    kind: BlockKind
    units: list[Span]
    lead: int = 0


class _Section:
    """What stands under one heading."""

    def __init__(self, text: str, begin: int, heading: str, number: int) -> None:
        self._text = text
        self._begin = begin
        self._heading = heading
        self._number = number

    def blocks(self, units: Sequence[Span]) -> Iterator[TextBlock]:
        """Its blocks in order."""
        runs = self._with_answers(self._with_lead_ins(self._runs(units)))
        # A marker may stand before where the text begins to be read, or behind a block on the same line.
        earliest = self._begin
        for run in runs:
            start, end = max(self._line_start(run.units[0]), earliest), run.units[-1].end
            if run.units[-1].kind is Kind.CODE:
                end = self._behind_fence(end)
            if run.units[0].kind is Kind.CODE:
                start = max(self._before_fence(start), earliest)
            earliest = end
            yield TextBlock(run.kind, self._heading, self._number, start, end, tuple(run.units), run.lead)

    def _runs(self, units: Sequence[Span]) -> list[_Run]:
        runs: list[_Run] = []
        for unit in units:
            if runs and self._continues(runs[-1], unit):
                runs[-1].units.append(unit)
            else:
                runs.append(self._run(unit))
        for run in runs:
            if run.kind is BlockKind.TABLE and len(run.units) > 1 and self._is_header(run.units[0], run.units[1]):
                run.lead = 1
        return runs

    def _run(self, unit: Span) -> _Run:
        if self._is_lettered(unit):
            return _Run(BlockKind.PROCEDURE, [unit])
        if unit.kind is Kind.ITEM:
            numbered = _NUMBERED.match(self._text, self._line_start(unit)) is not None
            return _Run(BlockKind.PROCEDURE if numbered else BlockKind.LIST, [unit])
        kinds = {Kind.ROW: BlockKind.TABLE, Kind.CODE: BlockKind.CODE}
        return _Run(kinds.get(unit.kind, BlockKind.PARAGRAPH), [unit])

    def _continues(self, run: _Run, unit: Span) -> bool:
        """Whether a unit goes on with what the run is; what is set in below an item belongs to the item."""
        last = run.units[-1]
        parted = _BLANK_LINE.search(self._text, last.end, unit.start) is not None
        if unit.kind is last.kind and "\n" not in self._text[last.end : unit.start]:
            return True
        if self._is_lettered(run.units[0]):
            return self._is_lettered(unit) or (unit.kind is Kind.PROSE and not parted)
        if run.kind in (BlockKind.LIST, BlockKind.PROCEDURE):
            inside = self._is_indented(unit)
            if unit.kind is not Kind.ITEM:
                return inside or (not parted and unit.kind is Kind.PROSE)
            numbered = _NUMBERED.match(self._text, self._line_start(unit)) is not None
            return inside or last.kind is not Kind.ITEM or numbered == (run.kind is BlockKind.PROCEDURE)
        same = {BlockKind.TABLE: Kind.ROW, BlockKind.CODE: Kind.CODE, BlockKind.PARAGRAPH: Kind.PROSE}[run.kind]
        if unit.kind is not same:
            return False
        # Two fenced samples, or two tables, with nothing but a blank line between them are two.
        fences = run.kind is BlockKind.CODE and "```" in self._text[last.end : unit.start]
        return not fences if run.kind is BlockKind.CODE else not parted

    def _with_lead_ins(self, runs: Sequence[_Run]) -> list[_Run]:
        """A last sentence that ends in a colon goes to what it introduces; with a paragraph it is one paragraph."""
        joined: list[_Run] = []
        for run in runs:
            before = joined[-1] if joined else None
            if before is not None and before.kind in _INTRODUCING and self._introduces(before.units[-1]):
                if run.kind is BlockKind.PARAGRAPH:
                    if before.kind is BlockKind.PARAGRAPH:
                        before.units += run.units
                    else:
                        joined.append(run)
                    continue
                run = _Run(run.kind, [before.units.pop(), *run.units], run.lead + 1)
                if not before.units:
                    joined.pop()
            joined.append(run)
        return joined

    def _introduces(self, unit: Span) -> bool:
        return introduces_more(self._text[unit.start : unit.end])

    def _with_answers(self, runs: Sequence[_Run]) -> list[_Run]:
        """A paragraph that is a question takes the one after it, its answer, along."""
        joined: list[_Run] = []
        for run in runs:
            before = joined[-1] if joined else None
            if before is not None and self._asks(before) and not self._asks(run):
                joined[-1] = _Run(BlockKind.QA, [*before.units, *run.units], len(before.units))
            else:
                joined.append(run)
        return joined

    def _asks(self, run: _Run) -> bool:
        if run.kind is not BlockKind.PARAGRAPH or len(run.units) > 2:
            return False
        return _QUESTION.fullmatch(self._text, run.units[0].start, run.units[-1].end) is not None

    def _is_lettered(self, unit: Span) -> bool:
        """Whether it begins an item of a law or a contract: "a) ...", "ii) ...", "3.ª ..."."""
        return unit.kind is Kind.PROSE and _LETTERED.match(self._text, unit.start, unit.end) is not None

    def _is_header(self, first: Span, second: Span) -> bool:
        between = self._text[first.end : second.start].splitlines()
        return any(_RULE_LINE.fullmatch(line) and "-" in line for line in between)

    def _line_start(self, unit: Span) -> int:
        """Where the unit's line begins to say something, if that is only a marker; else the unit's own start."""
        line = self._text.rfind("\n", 0, unit.start) + 1
        if unit.kind is not Kind.ITEM or len(self._text[line : unit.start].strip()) > 6:
            return unit.start
        return line + len(self._text[line : unit.start]) - len(self._text[line : unit.start].lstrip())

    def _is_indented(self, unit: Span) -> bool:
        line = self._text.rfind("\n", 0, unit.start) + 1
        return _INDENTED.match(self._text, line, unit.start) is not None

    def _before_fence(self, start: int) -> int:
        line = self._text.rfind("\n", 0, start) + 1
        above = self._text.rfind("\n", 0, max(line - 1, 0)) + 1
        return above if line and _FENCE_LINE.fullmatch(self._text, above, line - 1) else start

    def _behind_fence(self, end: int) -> int:
        line = self._text.find("\n", end) + 1
        if not line:
            return end
        stop = self._text.find("\n", line)
        stop = len(self._text) if stop < 0 else stop
        return stop if _FENCE_LINE.fullmatch(self._text, line, stop) else end
