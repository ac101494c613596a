"""What a strategy comes to."""

from dataclasses import dataclass, field
from typing import Any

from agent.answering.composition import AnswerComposer


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer that stands.

    Attributes:
        answer: its blocks and citations.
        confidence: that it is right, 0 to 1.
        decision: what it is made of, for the trace: `model`, `extract`, `model+extract`.
        kept: claims or quotes that stand.
        dropped: what the model claimed without support.
        details: more for the trace, as JSON values.
    """

    answer: AnswerComposer
    confidence: float
    decision: str
    kept: int
    dropped: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A strategy that knows that nothing answers, and how sure it was of the best it had, 0 to 1."""

    confidence: float
