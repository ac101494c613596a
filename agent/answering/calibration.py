"""Turns what was found into two probabilities, by logistic regression over its signals.

    relevance   that the documents are about the question at all: below MIN_RELEVANCE they are not
    confidence  that the sentence that would be quoted holds the answer

The weights are in `calibration.json`, fitted by `python -m evaluation calibrate` on questions whose answers are known;
one set for each embedding model, as models differ in where "related" begins, and in each set one for a question in the
documents' language and one for a question in another, where shared words say nothing.
"""

import json
import math
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from agent.retrieval.finding import Signals

FILE_NAME = "calibration.json"
# For an embedding model that nobody has calibrated.
ANY_EMBEDDER = "any"


@dataclass(frozen=True, slots=True)
class Calibration:
    """The weights for one embedding model: `weights[judgement][language case][signal]`, with a `bias` in each."""

    weights: dict[str, dict[str, dict[str, float]]]

    @classmethod
    def for_embedder(cls, name: str) -> "Calibration":
        """That of the embedding model of this name, or the one for any."""
        known = _read()
        return cls(known.get(name, known[ANY_EMBEDDER])["weights"])

    def relevance(self, signals: Signals) -> float:
        """The probability that the documents are about the question, 0 to 1."""
        return self._probability("relevance", signals)

    def confidence(self, signals: Signals) -> float:
        """The probability that the sentence holds the answer, 0 to 1."""
        return self._probability("confidence", signals)

    def _probability(self, judgement: str, signals: Signals) -> float:
        weights = self.weights[judgement]["foreign" if signals.foreign else "own"]
        return logistic(
            weights["bias"] + sum(weights.get(name, 0.0) * value for name, value in asdict(signals).items())
        )


@dataclass(frozen=True, slots=True)
class ReaderCalibration:
    """How far to believe an adapter that was trained to say when nothing answers, about questions in one language.

    `python -m training` fits it on questions about articles that the adapter has not seen, and keeps it in its
    provenance.

    Attributes:
        bias: of a logistic regression, with the weights behind it.
        retrieval: weight of the logit of `Calibration.confidence`.
        nothing: weight of the logit of `agent.answering.generation.Reading.nothing`.
        certainty: weight of the logit of `agent.answering.generation.Reading.certainty`.
        agrees: weight of 1 where the adapter picked the sentence that ranking has first, and of 0 where it did not.
        least_picking: the certainty from which on the picked sentence is worth more than the one ranking has first.
        least_certainty: of a wording that is worth more than its sentence, if that one is to be quoted.
    """

    bias: float
    retrieval: float
    nothing: float
    certainty: float
    agrees: float
    least_picking: float
    least_certainty: float

    def confidence(self, retrieval: float, nothing: float, certainty: float, agrees: bool) -> float:
        """The probability that the sentence that would be quoted answers, 0 to 1.

        `retrieval` is `Calibration.confidence` of the best evidence; the others are as in the attributes.
        """
        return logistic(
            self.bias
            + self.retrieval * logit(retrieval)
            + self.nothing * logit(nothing)
            + self.certainty * logit(certainty)
            + self.agrees * agrees
        )


def logistic(value: float) -> float:
    """The probability of a logit."""
    return 1.0 / (1.0 + math.exp(-max(min(value, 50.0), -50.0)))


def logit(probability: float) -> float:
    """The logit of a probability, within what a float32 softmax can tell from 0 and 1."""
    kept = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(kept / (1 - kept))


@cache
def _read() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(files("agent.answering").joinpath(FILE_NAME).read_text(encoding="utf-8"))
    return content
