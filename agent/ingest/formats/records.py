"""JSON and JSON Lines: every record becomes a section of paragraphs and of rows that name their fields."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from agent.ingest.formats.encoding import decode
from agent.ingest.formats.notation import Composition, paragraphs
from agent.ingest.formats.parsed import Parsed, Unreadable
from agent.ingest.formats.table import cell, named_row_line, plain, row_lines

_TITLES = ("title", "name", "question", "id", "título", "titulo", "nombre", "pregunta")
_QUESTIONS = frozenset({"question", "pregunta"})
# Names that say nothing about the prose under them; any other name is put before it.
_PROSE_NAMES = frozenset(
    "text body content answer description summary context texto cuerpo contenido respuesta descripción resumen"
    " descripcion contexto".split()
)
_SENTENCE_END = re.compile(r"\w[.!?…](?:\s|$)")
_LONGEST_CELL = 80
_LONGEST_ROW = 400
_LONGEST_TITLE = 200
_DEEPEST = 32
_TOO_DEEP = f"nested more than {_DEEPEST} levels deep"


class Fields(list[tuple[str, object]]):
    """An object's members in order; unlike a dict's, a repeated name is kept."""


@dataclass(slots=True)
class _Section:
    """A record's text: cells wait to share a row until prose comes."""

    composition: Composition
    lead: tuple[str, str] | None = None
    cells: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, text: str) -> None:
        if not _is_prose(text):
            if sum(len(n) + len(t) for n, t in self.cells) + len(name) + len(text) > _LONGEST_ROW:
                self.end_row()
            self.cells.append((cell(name), cell(text)))
            return
        self.end_row()
        short = name.rpartition(".")[2].casefold()
        prefix = "" if short in _PROSE_NAMES or short in _QUESTIONS or not name else f"{plain(name)}: "
        for place, paragraph in enumerate(paragraphs(text)):
            self.composition.paragraph(paragraph if place else prefix + paragraph)

    def end_row(self) -> None:
        cells = [self.lead, *self.cells] if self.lead and self.cells else self.cells
        if any(text for _, text in cells):
            self.composition.rows([named_row_line([name for name, _ in cells], [text for _, text in cells])])
        self.cells = []


def read_json(content: bytes) -> Parsed:
    """One JSON value: a list of records, an object that holds one, or any other."""
    text = decode(content)
    try:
        value = _loads(text)
    except json.JSONDecodeError as error:
        raise Unreadable(f"not JSON: line {error.lineno}, column {error.colno}") from error
    composition = Composition()
    records = _list_of_records(value)
    if isinstance(value, Fields):
        rest = Fields((name, inner) for name, inner in value if inner is not records)
        _write(rest, composition)
    for number, record in enumerate(records or [], 1):
        _write_record(record, number, composition)
    if records is None and not isinstance(value, Fields):
        _write_values(value, composition)
    return Parsed(composition.text, _title_of(value)[1] if isinstance(value, Fields) else None)


def read_json_lines(content: bytes) -> Parsed:
    """A JSON value on every line; blank lines are passed over."""
    composition = Composition()
    for number, line in enumerate(decode(content).split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = _loads(line)
        except json.JSONDecodeError as error:
            raise Unreadable(f"line {number} is not JSON") from error
        _write_record(record, number, composition)
    return Parsed(composition.text, None)


def _loads(text: str) -> object:
    """Numbers stay as they are written: 1.10 is not 1.1, and none is too large."""
    try:
        return json.loads(
            text, object_pairs_hook=Fields, parse_int=str, parse_float=str, parse_constant=lambda name: name
        )
    except RecursionError as error:
        raise Unreadable(_TOO_DEEP) from error


def _list_of_records(value: object) -> Sequence[object] | None:
    candidates = [inner for _, inner in value] if isinstance(value, Fields) else [value]
    lists = [inner for inner in candidates if _is_records(inner)]
    return lists[0] if len(lists) == 1 else None


def _is_records(value: object) -> TypeGuard[list[Fields]]:
    return (
        isinstance(value, list)
        and not isinstance(value, Fields)
        and bool(value)
        and all(isinstance(entry, Fields) for entry in value)
    )


def _write_record(record: object, number: int, composition: Composition) -> None:
    if not isinstance(record, Fields):
        _write_values(record, composition)
        return
    name, title = _title_of(record)
    composition.heading(2, title or f"Record {number}")
    rest = Fields(member for member in record if member[0] != name) if title else record
    # A row that is quoted without its heading must still say whose row it is. A question is left to the heading: as
    # text it would be the best match for itself.
    named = title and name.casefold() not in _QUESTIONS and not _is_prose(title)
    _write(rest, composition, lead=(name, cell(title)) if title and named else None)


def _title_of(record: Fields) -> tuple[str, str | None]:
    known = {name.casefold(): (name, value) for name, value in reversed(record)}
    for title in _TITLES:
        name, value = known.get(title, ("", None))
        if isinstance(value, str) and 0 < len(line := plain(value)) <= _LONGEST_TITLE:
            return name, line
    return "", None


def _write(record: Fields, composition: Composition, lead: tuple[str, str] | None = None) -> None:
    section = _Section(composition, lead)
    for name, text in _flat(record, "", 1):
        if name is None:
            section.end_row()
        else:
            section.add(name, text)
    section.end_row()


def _flat(value: object, name: str, depth: int) -> Iterator[tuple[str | None, str]]:
    """Dotted names and texts, in order; a name of None ends the row, so that every object of a list has its own."""
    if depth > _DEEPEST:
        raise Unreadable(_TOO_DEEP)
    if isinstance(value, Fields):
        for inner, member in value:
            yield from _flat(member, f"{name}.{inner}" if name else inner, depth + 1)
    elif isinstance(value, list):
        scalars = [_scalar(entry) for entry in value if not isinstance(entry, list)]
        if len(scalars) == len(value) and not any(_is_prose(text) for text in scalars):
            yield name, ", ".join(text for text in scalars if text)
            return
        for entry in value:
            yield None, ""
            yield from _flat(entry, name, depth + 1)
        yield None, ""
    else:
        yield name, _scalar(value)


def _write_values(value: object, composition: Composition, depth: int = 1) -> None:
    """A list of anything, or a single value, without names."""
    if depth > _DEEPEST:
        raise Unreadable(_TOO_DEEP)
    if not isinstance(value, list) or isinstance(value, Fields):
        _write(Fields([("", value)]), composition)
    elif value and all(isinstance(row, list) and not isinstance(row, Fields) for row in value):
        composition.rows(row_lines([[", ".join(text for _, text in _flat(c, "", 2)) for c in row] for row in value]))
    else:
        for number, entry in enumerate(value, 1):
            if isinstance(entry, Fields):
                _write_record(entry, number, composition)
            else:
                _write_values(entry, composition, depth + 1)


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _is_prose(text: str) -> bool:
    return len(text) > _LONGEST_CELL or bool(_SENTENCE_END.search(text))
