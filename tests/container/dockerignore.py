"""Which files of the build context a `.dockerignore` lets through.

The rules of https://docs.docker.com/build/concepts/context/#dockerignore-files: a pattern is matched from the context's
root, against a path and each of its parents; `!` is an exception; the last pattern that matches decides.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_GLOBS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the file."""

    pattern: re.Pattern[str]
    ignores: bool


class DockerIgnore:
    """The rules of one `.dockerignore`.

    Raises:
        ValueError: a pattern uses syntax that is not understood here.
    """

    def __init__(self, text: str) -> None:
        lines = (line.strip() for line in text.splitlines())
        self._rules = [_rule(line) for line in lines if line and not line.startswith("#")]

    def ignores(self, path: PurePosixPath) -> bool:
        """Whether `path`, relative to the context, is kept out of the build."""
        lineage = [str(each) for each in (path, *path.parents) if each.name]
        verdict = False
        for rule in self._rules:
            if any(rule.pattern.fullmatch(name) for name in lineage):
                verdict = rule.ignores
        return verdict

    def files(self, context: Path, top: PurePosixPath) -> Iterator[PurePosixPath]:
        """The files at or below `top` (relative to `context`) that the build sees, in order."""
        found = [context / top] if (context / top).is_file() else sorted((context / top).rglob("*"))
        for file in found:
            relative = PurePosixPath(file.relative_to(context).as_posix())
            if file.is_file() and not self.ignores(relative):
                yield relative


def _rule(line: str) -> Rule:
    if re.search(r"[\[\\]", line):
        raise ValueError(f"A pattern that this reader does not understand: {line}")
    glob = line.removeprefix("!").strip().strip("/")
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    return Rule(re.compile("".join(_GLOBS.get(part, re.escape(part)) for part in parts)), not line.startswith("!"))
