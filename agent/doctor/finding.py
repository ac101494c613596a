"""What was looked at, and what to do about it."""

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad it is: only an error keeps Askpod from answering."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line.

    Attributes:
        level: how bad it is.
        subject: the setting, or what of the machine, it is about.
        text: what was found, or why nothing was looked at.
        remedy: what to do; empty where there is nothing to be done.
    """

    level: Level
    subject: str
    text: str
    remedy: str = ""


def ok(subject: str, text: str) -> Finding:
    """Nothing to be done."""
    return Finding(Level.OK, subject, text)


def skipped(subject: str, reason: str) -> Finding:
    """Nothing was looked at: it is not in use, or what it depends on is not well."""
    return Finding(Level.SKIPPED, subject, reason)


def warning(subject: str, text: str, remedy: str) -> Finding:
    """It works, and may not for long."""
    return Finding(Level.WARNING, subject, text, remedy)


def error(subject: str, text: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(Level.ERROR, subject, text, remedy)
