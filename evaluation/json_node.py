"""JSON read with its place in the file, so that an error can say where: `data[3].paragraphs[0].qas[1].id`."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol, TypeVar

from evaluation.dataset import InvalidDataset


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the file and where it stands. Every method raises InvalidDataset, naming that place."""

    value: object
    where: str

    def fail(self, what: str) -> NoReturn:
        """Refuse the file because of this value."""
        raise InvalidDataset(f"{self.where}: {what}")

    def get(self, name: str) -> "Node | None":
        """The member, or None when it is missing or null."""
        if not isinstance(self.value, dict):
            self.fail(f"is {_kind(self.value)}, not an object")
        value = self.value.get(name)
        return None if value is None else Node(value, f"{self.where}.{name}".lstrip("."))

    def member(self, name: str) -> "Node":
        """The member, which must be there."""
        found = self.get(name)
        return self.fail(f'has no "{name}"') if found is None else found

    def items(self, name: str) -> "Iterator[Node]":
        """The items of the member, which must be a list."""
        found = self.member(name)
        if not isinstance(found.value, list):
            found.fail(f"is {_kind(found.value)}, not a list")
        return (Node(value, f"{found.where}[{index}]") for index, value in enumerate(found.value))

    def text(self) -> str:
        """The value, which must be a string that UTF-8 can write."""
        if not isinstance(self.value, str):
            self.fail(f"is {_kind(self.value)}, not a string")
        if any("\ud800" <= char <= "\udfff" for char in self.value):
            self.fail("holds half a surrogate pair, which is no character")
        return self.value

    def whole_number(self) -> int:
        """The value, which must be an integer."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self.fail(f"is {_kind(self.value)}, not a whole number")
        return self.value

    def truth(self) -> bool:
        """The value, which must be true or false."""
        if not isinstance(self.value, bool):
            self.fail(f"is {_kind(self.value)}, not true or false")
        return self.value


def read_text(path: Path) -> str:
    """The file's text, without a byte order mark.

    Raises:
        InvalidDataset: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidDataset(f"{path.name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidDataset(f"{path.name}: not UTF-8 text, at byte {error.start}") from error


def json_lines(path: Path) -> Iterator[tuple[int, Node]]:
    """The values of a file of JSON lines, with the numbers of their lines from 1; blank lines are passed over.

    Raises:
        InvalidDataset: the file cannot be read, or a line is not JSON.
    """
    # Not splitlines(): a line separator inside a string is text, and JSON lines end with \n alone.
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            where = f"{path.name}, line {number}"
            yield number, Node(parse(line, where), where)


def parse(text: str, where: str) -> object:
    """The JSON value of `text`.

    Raises:
        InvalidDataset: it is not JSON; the message begins with `where`.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidDataset(f"{where}: not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except (RecursionError, ValueError) as error:  # too deep; a number of thousands of digits
        raise InvalidDataset(f"{where}: not JSON that can be read: {error}") from error


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=_Identified)


def read_questions(files: Sequence[Path], make: Callable[[Node, int], T]) -> list[T]:
    """The questions of files of JSON lines, each made of its node and the number of its line.

    Raises:
        InvalidDataset: as `json_lines`; an id comes twice, or there is no question at all.
    """
    questions: dict[str, T] = {}
    for file in files:
        for number, node in json_lines(file):
            question = make(node, number)
            if question.id in questions:
                node.fail(f'the id "{question.id}" comes twice')
            questions[question.id] = question
    if not questions:
        raise InvalidDataset(f"{', '.join(file.name for file in files) or 'the folder'}: holds no question")
    return list(questions.values())


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")
