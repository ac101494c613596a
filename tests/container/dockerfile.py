"""Reads a Dockerfile into stages of instructions: as much of the language as ours uses, and an error for the rest."""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

_KNOWN = {"ADD", "ARG", "CMD", "COPY", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN", "USER", "WORKDIR"}
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::-([^}]*))?\})")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction; `arguments` is all that follows its word, on one line."""

    word: str
    arguments: str


@dataclass(slots=True)
class Stage:
    """What stands between one `FROM` and the next; `parent` is the stage it builds on, if its base is one."""

    name: str
    base: str
    parent: "Stage | None"
    own: list[Instruction] = field(default_factory=list)

    def instructions(self) -> list[Instruction]:
        """From the first stage it builds on to its own last one."""
        return [*(self.parent.instructions() if self.parent else []), *self.own]

    def environment(self) -> dict[str, str]:
        """The variables a container of this stage has, each build argument at its default."""
        arguments: dict[str, str] = {}
        environment: dict[str, str] = {}
        for instruction in self.instructions():
            if instruction.word in ("ARG", "ENV"):
                known = arguments | environment
                pairs = (word.partition("=") for word in shlex.split(instruction.arguments))
                target = environment if instruction.word == "ENV" else arguments
                target.update({name: _substitute(value, known) for name, _, value in pairs})
        return environment

    def value(self, word: str) -> str:
        """The arguments of the last instruction of this kind: the one that counts."""
        return [each.arguments for each in self.instructions() if each.word == word][-1]


def read_stages(dockerfile: Path) -> dict[str, Stage]:
    """The stages by name, in order; the last one is the image.

    Raises:
        ValueError: an instruction that is not understood here.
    """
    stages: dict[str, Stage] = {}
    for instruction in _instructions(dockerfile.read_text(encoding="utf-8")):
        if instruction.word == "FROM":
            base, _, name = instruction.arguments.partition(" AS ")
            stages[name] = Stage(name, base, stages.get(base))
        else:
            list(stages.values())[-1].own.append(instruction)
    return stages


def _instructions(text: str) -> list[Instruction]:
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    instructions = []
    for line in re.sub(r"\\\n\s*", "", lines).splitlines():
        word, _, arguments = line.strip().partition(" ")
        if word and (word not in _KNOWN or "<<" in arguments):
            raise ValueError(f"An instruction that this reader does not understand: {line}")
        if word:
            instructions.append(Instruction(word, arguments.strip()))
    return instructions


def _substitute(value: str, known: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda found: known.get(found[1] or found[2], "") or found[3] or "", value)
