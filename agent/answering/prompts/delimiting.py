"""Puts what documents and callers say into a prompt as data: between marks, without chat-template markers."""

import hashlib
import re
from collections.abc import Sequence

# Spellings of chat-template markers (ChatML, Llama, Mistral, Gemma, DeepSeek) would end our turn, wherever they stand.
_MARKERS = re.compile(r"<[|｜][^|｜<>]{1,40}[|｜]>|</?s>|\[/?INST\]|<(?:start|end)_of_turn>|<[be]os>", re.IGNORECASE)


def neutral(text: str) -> str:
    """`text` without anything that a chat template takes for the end of a turn."""
    return _MARKERS.sub(" ", text)


def one_line(text: str) -> str:
    """`text` as it stands in a prompt: neutral, and on one line."""
    return " ".join(neutral(text).split())


def delimited(lines: Sequence[str]) -> str:
    """Lines between `<<<` and `>>>` with a mark that no line can hold.

    The mark is made from all of the text, so a document that spells it out changes it. The same lines have the same
    mark, so that an answer can be repeated.
    """
    mark = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]
    return "\n".join([f"<<<{mark}", *lines, f"{mark}>>>"])
