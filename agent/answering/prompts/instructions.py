"""Tells what a model repeats of our own instructions from what it says of the documents."""

from functools import cache

from agent.answering.prompts import grounded, rewriting, short

# Characters in a row that nobody writes by chance.
_RUN = 24
_MARKS = ("<<<", ">>>")


def repeats_instructions(text: str) -> bool:
    """Whether `text` has a mark of a prompt, or a stretch of 24 characters of an instruction."""
    said = _plain(text)
    if any(mark in said for mark in _MARKS):
        return True
    runs = _runs()
    return any(said[at : at + _RUN] in runs for at in range(max(len(said) - _RUN, 0) + 1))


@cache
def _runs() -> frozenset[str]:
    instructions = [*grounded.SYSTEM.values(), *short.SYSTEM.values(), *rewriting.SYSTEM.values()]
    return frozenset(
        plain[at : at + _RUN] for plain in map(_plain, instructions) for at in range(len(plain) - _RUN + 1)
    )


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
