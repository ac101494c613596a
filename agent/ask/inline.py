"""Inline Markdown as styled text: bold, emphasis, code and links; everything else stays as it is.

The ask page reads the same notation (local_server/web/static/inline.js).
"""

import re

from rich.text import Text

_CODE = r"(?<!`)(?P<ticks>`+)(?!`)(?P<code>[\s\S]*?[^`])(?P=ticks)(?!`)"
_ESCAPED = r"\\(?P<escaped>[*`\[\]|])"
_LINK = r"(?<!!)\[(?P<label>(?:\\.|[^\[\]\\])+)\]\((?P<url>(?:[^\s()]|\([^\s()]*\))+)\)"
# `2**8` and `a*b*c` are arithmetic; code inside is never cut.
_BOLD = r"(?<![A-Za-z0-9*])\*\*(?=\*?[^\s*])(?P<bold>(?:`[^`]+`|\\.|[^`\\])+?)(?<=\S)\*\*(?![A-Za-z0-9*])"
_EMPHASIS = (
    r"(?<![A-Za-z0-9*])\*(?=[^\s*])(?P<emphasis>(?:`[^`]+`|\\.|\*\*[^*]+\*\*|[^*`\\])+?)(?<=\S)\*(?![A-Za-z0-9*])"
)
_INLINE = re.compile("|".join((_ESCAPED, _CODE, _LINK, _BOLD, _EMPHASIS)))
_SAFE = ("http://", "https://", "mailto:")
# Bold inside emphasis inside a link's label is three deep; a hostile text may nest for ever.
_DEEPEST = 3


def inline(words: str, depth: int = 0) -> Text:
    """The text with its styles and without its notation."""
    text, at = Text(), 0
    for found in _INLINE.finditer(words) if depth < _DEEPEST else ():
        text.append(words[at : found.start()])
        text.append_text(_part_of(found, depth + 1))
        at = found.end()
    return text.append(words[at:])


def _part_of(found: re.Match[str], depth: int) -> Text:
    part = found.groupdict()
    if part["escaped"] is not None:
        return Text(part["escaped"])
    if part["code"] is not None:
        return Text.styled(part["code"], "green")
    if part["bold"] is not None:
        return _styled(part["bold"], "bold", depth)
    if part["emphasis"] is not None:
        return _styled(part["emphasis"], "italic", depth)
    if not part["url"].lower().startswith(_SAFE):
        return Text(found[0])
    # In words, and not as the terminal's own hyperlink: the reader sees where it leads.
    return _styled(part["label"], "underline", depth).append(f" ({part['url']})", "dim")


def _styled(words: str, style: str, depth: int) -> Text:
    text = inline(words, depth)
    text.stylize(style)
    return text
