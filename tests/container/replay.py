"""Does what a build's COPY instructions do, in an empty folder, without a Docker engine."""

import shlex
import shutil
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from tests.container.dockerfile import Stage
from tests.container.dockerignore import DockerIgnore


@dataclass(frozen=True, slots=True)
class Copy:
    """One COPY instruction. `stage` is empty if it copies from the build context."""

    stage: str
    sources: tuple[str, ...]
    target: str


def copies_of(stage: Stage) -> list[Copy]:
    """The COPY instructions that a stage's content comes from, in order.

    Raises:
        ValueError: a flag, or a form, that is not understood here.
    """
    return [_parse(each.arguments) for each in stage.instructions() if each.word == "COPY"]


def replay(stage: Stage, context: Path, root: Path) -> None:
    """Copy into `root`, a container's `/`, what the stage copies from the build context.

    What it copies from other stages comes from commands, and is left out.

    Raises:
        FileNotFoundError: a source, other than a glob, matches nothing that `.dockerignore` lets through.
    """
    ignore = DockerIgnore((context / ".dockerignore").read_text(encoding="utf-8"))
    workdir = root / stage.value("WORKDIR").lstrip("/") if stage.parent else root
    workdir.mkdir(parents=True, exist_ok=True)
    for copy in copies_of(stage):
        if not copy.stage:
            target = root / copy.target.lstrip("/") if copy.target.startswith("/") else workdir / copy.target
            for source in copy.sources:
                _copy(source, context, ignore, target, into=copy.target.endswith("/") or len(copy.sources) > 1)


def _parse(arguments: str) -> Copy:
    words = shlex.split(arguments)
    flags = [word for word in words if word.startswith("--")]
    if arguments.startswith("[") or any(not flag.startswith("--from=") for flag in flags):
        raise ValueError(f"A COPY that this reader does not understand: {arguments}")
    *sources, target = words[len(flags) :]
    return Copy(flags[0].removeprefix("--from=") if flags else "", tuple(sources), target)


def _copy(source: str, context: Path, ignore: DockerIgnore, target: Path, *, into: bool) -> None:
    """A folder gives its content, a file itself; `into` says that `target` is a folder even for one file."""
    is_glob = any(sign in source for sign in "*?[")
    tops = _matches(source, context) if is_glob else [PurePosixPath(source)]
    copied = [(top, file) for top in tops for file in ignore.files(context, top)]
    if not copied and not is_glob:
        raise FileNotFoundError(f"The build context has no {source}")
    for top, file in copied:
        inside = file.relative_to(top) if file != top else PurePosixPath(file.name if into or target.is_dir() else "")
        (target / inside).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(context / file, target / inside)


def _matches(source: str, context: Path) -> list[PurePosixPath]:
    if "/" in source:
        raise ValueError(f"A glob below the context's root is not understood here: {source}")
    return [PurePosixPath(path.name) for path in sorted(context.iterdir()) if fnmatchcase(path.name, source)]
