"""Bytes of text files to text: UTF-8, UTF-16 and UTF-32 by their mark, Western Windows, then what is surely found."""

import codecs

from charset_normalizer import from_bytes

from agent.ingest.formats.parsed import Unreadable

_UNKNOWN = "not text in a known encoding"
# UTF-32's little-endian mark begins with UTF-16's, so it comes first.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What Spanish, Catalan, Portuguese, French, German and Italian have beyond ASCII, and what Office puts into text. Bytes
# that spell only these in cp1252 are cp1252: a detector, given a short table, answers cp1250 or Mac Roman as often.
_WESTERN = frozenset("áéíóúàèìòùâêîôûäëïöüñçãõßœæÁÉÍÓÚÀÈÌÒÙÂÊÎÔÛÄËÏÖÜÑÇÃÕŒÆ¿¡ºª€£§©®°±·«»“”‘’–—…•½¼²³×´")
_WESTERN_SHARE = 0.3
# charset-normalizer's measure of how disorderly the decoded text looks, 0 to 1; and how much it reads like a language.
_MAX_CHAOS = 0.1
_MIN_COHERENCE = 0.4


def decode(content: bytes) -> str:
    """The text, without a byte order mark and otherwise as it is.

    Raises:
        Unreadable: it is not text, or in an encoding that cannot be told.
    """
    text = _decoded(content)
    if "\0" in text:
        raise Unreadable("not text")
    return text


def _decoded(content: bytes) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _strict(content, encoding)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _guessed(content)


def _strict(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(_UNKNOWN) from error


def _guessed(content: bytes) -> str:
    if b"\0" in content:
        raise Unreadable("not text")
    if (text := _western(content)) is not None:
        return text
    best = from_bytes(content).best()
    if best is None or best.chaos > _MAX_CHAOS or best.coherence < _MIN_COHERENCE:
        raise Unreadable(_UNKNOWN)
    return _strict(content, best.encoding)


def _western(content: bytes) -> str | None:
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        return None
    foreign = [character for character in text if character > "\x7f"]
    if not _WESTERN.issuperset(foreign) or any(c < " " and c not in "\t\n\r\f" for c in text):
        return None
    return text if len(foreign) <= _WESTERN_SHARE * len(text) else None
