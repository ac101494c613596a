"""How many held-out questions a calibration takes."""

from collections.abc import Sequence
from typing import get_args

from agent.schemas import Language

# Of one language; each is calibrated on its own.
FEWEST = 30


def enough(languages: Sequence[Language]) -> bool:
    """An adapter can be calibrated for one language at least with these questions, each given by its language."""
    return any(languages.count(language) >= FEWEST for language in get_args(Language))
