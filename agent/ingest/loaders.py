"""Finds the files of a corpus and reads them as documents."""

import glob
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.ingest.formats.parsed import Unreadable
from agent.ingest.formats.readers import SUFFIXES, parse
from agent.store.documents import Document
from agent.text.language import detect_language

MAX_BYTES = 200 * 1024 * 1024
_MAGIC = frozenset("*?[")
# Enough to tell the language, little enough to be quick.
_LANGUAGE_SAMPLE = 5000


class SameName(Exception):
    """Two files would be known by one source."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to be ingested, and the source it will be known by: its path inside the folder that was named."""

    path: Path
    source: str

    def sha256(self) -> str:
        """Hash of its content.

        Raises:
            Unreadable: it cannot be read, or is too large.
        """
        return hashlib.sha256(self.content()).hexdigest()

    def content(self) -> bytes:
        """The file's bytes.

        Raises:
            Unreadable: as `sha256`.
        """
        try:
            if self.path.stat().st_size > MAX_BYTES:
                raise Unreadable(f"larger than {MAX_BYTES // 2**20} MiB")
            return self.path.read_bytes()
        except OSError as error:
            raise Unreadable(error.strerror or "cannot be read") from error


def find_files(docs: Sequence[str]) -> list[SourceFile]:
    """The files that folders, files and globs name, in the order of their sources.

    In folders and globs, hidden files, symbolic links and formats nobody can read are passed over. Several folders are
    told apart by their names, which then begin their files' sources. In a name that is not UTF-8, the bytes that are
    not are written as `\\xNN`.

    Raises:
        FileNotFoundError: nothing is there, or nothing that may be read, or a file of a format that cannot be.
        SameName: two files would have one source.
    """
    found: dict[str, SourceFile] = {}
    for pattern in docs:
        try:
            files = _expand(pattern, prefixed=len(docs) > 1)
        except OSError as error:
            raise FileNotFoundError(pattern) from error
        for file in sorted(files, key=lambda file: file.source):
            other = found.setdefault(file.source, file)
            if other.path.resolve() != file.path.resolve():
                raise SameName(f"{file.path} and {other.path} would both be called {file.source!r}.")
    return [found[source] for source in sorted(found)]


def load(file: SourceFile) -> Document:
    """Read a file as a document.

    Raises:
        Unreadable: why not.
    """
    content = file.content()
    parsed = parse(file.path.suffix.lower(), content)
    title = parsed.title or _in_utf8(file.path.stem).replace("-", " ").replace("_", " ")
    sample = parsed.text[parsed.body_start : parsed.body_start + _LANGUAGE_SAMPLE]
    # The hash is of the file, so that an unchanged file can be told without reading it again.
    return Document(
        source=file.source,
        title=title,
        language=detect_language(sample),
        format=file.path.suffix.lower().lstrip("."),
        sha256=hashlib.sha256(content).hexdigest(),
        text=parsed.text,
        pages=tuple((page.start, page.number) for page in parsed.pages),
        metadata=parsed.metadata,
        body_start=parsed.body_start,
    )


def _expand(pattern: str, *, prefixed: bool) -> list[SourceFile]:
    path = Path(pattern)
    # An empty name is a variable that was not set, not the current folder.
    if pattern and path.is_dir():
        prefix = f"{path.resolve().name}/" if prefixed else ""
        return [
            SourceFile(file, _in_utf8(prefix + file.relative_to(path).as_posix()))
            for file in path.rglob("*")
            if _wanted(file, path)
        ]
    if path.is_file() and path.suffix.lower() in SUFFIXES:
        return [SourceFile(path, _in_utf8(path.name))]
    if not _MAGIC & set(pattern):
        raise FileNotFoundError(pattern)
    root = _fixed_part(path)
    matches = (Path(match) for match in glob.iglob(pattern, recursive=True))
    files = [SourceFile(file, _in_utf8(file.relative_to(root).as_posix())) for file in matches if _wanted(file, root)]
    if not files:
        raise FileNotFoundError(pattern)
    return files


def _wanted(file: Path, root: Path) -> bool:
    below = file.relative_to(root).parts
    if file.suffix.lower() not in SUFFIXES or any(part.startswith(".") for part in below):
        return False
    # A glob goes through linked folders, even round in circles.
    linked = any(root.joinpath(*below[:depth]).is_symlink() for depth in range(1, len(below) + 1))
    return not linked and file.is_file()


def _in_utf8(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _fixed_part(pattern: Path) -> Path:
    """The folders of a glob before the first part with a wildcard in it."""
    parts = []
    for part in pattern.parts:
        if _MAGIC & set(part):
            break
        parts.append(part)
    return Path(*parts)
