"""Reads a Dockerfile, as far as this project's uses the language; anything else is an error."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_WORDS = frozenset("ARG CMD COPY ENV EXPOSE HEALTHCHECK LABEL RUN USER WORKDIR".split())
_VARIABLE = re.compile(r"\$(?:(?P<bare>\w+)|\{(?P<braced>\w+)(?::-(?P<default>[^}]*))?\})")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its word in capitals, and the rest, flags and all, on one line."""

    word: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Stage:
    """One FROM and what follows it. `parent` is None where the base is another image, or nothing at all."""

    name: str
    base: str
    parent: "Stage | None"
    own: list[Instruction] = field(default_factory=list)

    def instructions(self) -> list[Instruction]:
        """Everything that leads to this stage's content: the instructions of the stages below it, then its own."""
        return [*(self.parent.instructions() if self.parent else []), *self.own]

    def value(self, word: str) -> str:
        """The arguments of the last instruction of this kind, which is the one that counts.

        Raises:
            LookupError: there is none.
        """
        found = [each.arguments for each in self.instructions() if each.word == word]
        if not found:
            raise LookupError(f"Stage {self.name} has no {word}")
        return found[-1]

    def environment(self) -> dict[str, str]:
        """The ENV of a container, in a build without build arguments."""
        arguments: dict[str, str] = {}
        environment: dict[str, str] = {}
        for each in self.instructions():
            if each.word in ("ARG", "ENV"):
                known = arguments | environment
                target = environment if each.word == "ENV" else arguments
                for assignment in shlex.split(each.arguments):
                    name, _, value = assignment.partition("=")
                    target[name] = _expand(value, known)
        return environment


def read_stages(path: Path) -> dict[str, Stage]:
    """The stages by name, in order; the last one is the image.

    Raises:
        ValueError: an instruction, or a form of FROM, that is not understood here.
    """
    stages: dict[str, Stage] = {}
    for word, arguments in _lines(path.read_text(encoding="utf-8")):
        if word == "FROM":
            base, keyword, name = arguments.split()
            if keyword != "AS":
                raise ValueError(f"A FROM that this reader does not understand: {arguments}")
            stages[name] = stage = Stage(name, base, stages.get(base))
        elif word in _WORDS:
            stage.own.append(Instruction(word, arguments))
        else:
            raise ValueError(f"An instruction that this reader does not understand: {word}")
    return stages


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Word and arguments of each instruction, its continued lines joined; comments may stand between them."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if line.strip():
            word, _, arguments = line.partition(" ")
            yield word, arguments.strip()


def _expand(text: str, variables: Mapping[str, str]) -> str:
    """`$NAME`, `${NAME}` and `${NAME:-default}`; a name that is not known is empty, as in a build."""
    return _VARIABLE.sub(
        lambda found: variables.get(found["bare"] or found["braced"], "") or found["default"] or "", text
    )
