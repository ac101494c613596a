"""Wrapped lines to running text."""

from agent.ingest.formats.table import plain


def joined_lines(lines: list[str], compounds: frozenset[str] = frozenset()) -> str:
    """Wrapped lines as one. A word broken by a hyphen is whole again, unless it is written with one elsewhere."""
    text = ""
    for line in lines:
        text = join(text, plain(line), compounds)
    return text


def join(text: str, line: str, compounds: frozenset[str] = frozenset()) -> str:
    """`text` with one more line."""
    if not text or not line:
        return text or line
    broken = text[-1] in "-\u2010" and text[-2:-1].isalnum()
    if not broken:
        return f"{text} {line}"
    first, last = line.split()[0], text.split()[-1]
    compound = f"{last[:-1]}-{first.rstrip('.,;:!?)')}".casefold() in compounds
    whole = line[0].islower() and text[-2].isalpha() and not compound
    return (text[:-1] if whole else text) + line
