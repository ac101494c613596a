"""Reads documents: Markdown and plain text."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.store.chunks import Document
from agent.text.language import detect_language

SUFFIXES = frozenset({".md", ".markdown", ".txt"})
MAX_BYTES = 20 * 1024 * 1024

_TITLE = re.compile(r"^#\s+(.+?)\s*#*\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was left out, and why."""

    source: str
    reason: str


def load_documents(path: Path) -> Iterator[Document | Skipped]:
    """Every document of a folder (recursively, in the order of their names), or the one file.

    Hidden files, symbolic links and files of other formats are passed over; an unreadable one is reported.

    Raises:
        FileNotFoundError: there is nothing at `path`.
    """
    if path.is_file():
        yield _load(path, path.name)
        return
    if not path.is_dir():
        raise FileNotFoundError(path)
    for file in sorted(path.rglob("*")):
        relative = file.relative_to(path)
        hidden = any(part.startswith(".") for part in relative.parts)
        if file.suffix.lower() in SUFFIXES and not hidden and not file.is_symlink() and file.is_file():
            yield _load(file, relative.as_posix())


def _load(file: Path, source: str) -> Document | Skipped:
    if file.stat().st_size > MAX_BYTES:
        return Skipped(source, f"larger than {MAX_BYTES // 2**20} MiB")
    content = file.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Skipped(source, "not UTF-8 text")
    if not text.strip() or "\0" in text:
        return Skipped(source, "empty" if not text.strip() else "not text")
    title = match.group(1) if (match := _TITLE.search(text)) else file.stem.replace("-", " ").replace("_", " ")
    # The hash is of the file, so that an unchanged file can be told without reading it as text.
    return Document(source, title, detect_language(text[:5000]), hashlib.sha256(content).hexdigest(), text)
