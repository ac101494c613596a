"""Text of documents, models and servers, made safe for a terminal."""

import json
import re
from typing import Any

# What a terminal obeys instead of showing (C0 without tab and newline, DEL, C1), what turns the order of letters
# around, and halves of surrogate pairs, which no encoding can write.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SHOWN = "\N{REPLACEMENT CHARACTER}"
# json.dumps has escaped the others, and its own newlines must stay.
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """The text with a replacement character for each character that a terminal would obey; lines stay lines."""
    return _UNSAFE.sub(_SHOWN, text.replace("\r\n", "\n"))


def clean_line(text: str) -> str:
    """As `clean`, on one line."""
    return clean(" ".join(text.split()))


def clean_json(value: Any, *, indent: int | None = None) -> str:  # noqa: ANN401 - any JSON value
    """The same value as JSON whose text no terminal obeys: those characters are escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
