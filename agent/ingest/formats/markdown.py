"""Markdown and plain text: the text is the file's, character by character, so offsets are valid in the file."""

import re
from collections.abc import Mapping

import yaml

from agent.ingest.formats.encoding import decode
from agent.ingest.formats.parsed import Parsed
from agent.text.sentences import Kind, split_units

Metadata = Mapping[str, tuple[str, ...]]

_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_EMPTY = frozenset({"", "~", "null"})


def read_text(content: bytes) -> Parsed:
    """Plain text. A first `# ` heading is its title."""
    text = decode(content)
    return Parsed(text, _first_heading(text))


def read_markdown(content: bytes) -> Parsed:
    """Markdown, with or without a YAML front matter."""
    text = decode(content)
    match = _FRONT_MATTER.match(text)
    metadata = _metadata(match.group(1)) if match else None
    if match is None or metadata is None:
        return Parsed(text, _first_heading(text))
    title = metadata.get("title", (None,))[0] or _first_heading(text[match.end() :])
    rest = {name: values for name, values in metadata.items() if name != "title"}
    return Parsed(text, title, metadata=rest, body_start=match.end())


def _metadata(source: str) -> Metadata | None:
    """Scalars and lists of scalars, as they are written; None when it is not a mapping in YAML, so just text."""
    try:
        # BaseLoader makes nothing but strings, lists and dicts: it is as safe as the safe one, "1.10" and "yes" stay
        # what their author wrote, and an impossible date is no error.
        fields = yaml.load(source, Loader=yaml.BaseLoader)  # noqa: S506
    except (yaml.YAMLError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    return {str(name).lower(): found for name, value in fields.items() if (found := _values(value))}


def _values(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(" ".join(one.split()) for one in values if isinstance(one, str) and one.strip() not in _EMPTY)


def _first_heading(text: str) -> str | None:
    """The first heading of level 1; a comment in a code block is none."""
    for unit in split_units(text):
        line = text[unit.start : unit.end]
        if unit.kind is Kind.HEADING and line[1:2].isspace():
            return line.strip("# \t") or None
    return None
