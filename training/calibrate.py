"""How far an adapter can be believed: fitted on questions about articles that it was not trained on."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from sklearn.linear_model import LogisticRegression

from agent.calibration import ReaderCalibration, logit
from training.errors import Refused
from training.figures import Row

_FEWEST = 30
# So many of the wordings that are used should be right; the others are replaced by their sentence.
_PRECISION = 0.8
# A wording that shares half its words with the right one is taken for right.
_RIGHT = 0.5


def calibrate(rows: Sequence[Row]) -> dict[str, float]:
    """Weights of `agent.calibration.ReaderCalibration` from what came of the questions.

    Raises:
        Refused: too few questions, or all right or all wrong.
    """
    labels = [row["answerable"] and row["sentence_right"] for row in rows]
    if len(labels) < _FEWEST or len(set(labels)) < 2:
        raise Refused(f"{len(labels)} held-out questions are too few to calibrate the adapter; at least {_FEWEST}.")
    values = np.asarray([[logit(row["retrieval"]), logit(row["nothing"]), logit(row["certainty"])] for row in rows])
    model = LogisticRegression(C=1.0, max_iter=2000).fit(values, np.asarray(labels))
    retrieval, nothing, certainty = (round(float(weight), 4) for weight in model.coef_[0])
    bias = round(float(model.intercept_[0]), 4)
    return asdict(ReaderCalibration(bias, retrieval, nothing, certainty, _least_certainty(rows)))


def _least_certainty(rows: Sequence[Row]) -> float:
    """The lowest certainty from which on wordings have the precision wanted; above 1 when they never have it."""
    worded = sorted((row for row in rows if row["answerable"] and row["picked"]), key=lambda row: -row["certainty"])
    best, right = 1.01, 0
    for count, row in enumerate(worded, start=1):
        right += row["f1"] >= _RIGHT
        if right >= _PRECISION * count:
            best = row["certainty"]
    return round(best, 4)
