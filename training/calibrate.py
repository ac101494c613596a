"""How far an adapter can be believed: fitted on questions about articles that it was not trained on."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import get_args

import numpy as np
from sklearn.linear_model import LogisticRegression

from agent.answering.calibration import ReaderCalibration, logit
from agent.schemas import Language
from training.errors import Refused
from training.figures import Row
from training.held_out import FEWEST, enough

# So many of the wordings that are used for answerable questions should be right: as many as of the sentences that are
# quoted for the others.
_PRECISION = 0.85
# A wording that shares half its words with the right one is taken for right.
_RIGHT = 0.5
# No certainty is as high.
_NEVER = 1.01


def calibrate(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Fit `agent.answering.calibration.ReaderCalibration` for each language with enough questions.

    Raises:
        Refused: too few questions, or all right or all wrong.
    """
    check_enough([row["language"] for row in rows])
    known: dict[str, dict[str, float]] = {}
    for language in get_args(Language):
        of = [row for row in rows if row["language"] == language]
        reader = _calibrate(of) if len(of) >= FEWEST else None
        if reader is not None:
            known[language] = asdict(reader)
    if not known:
        raise Refused(
            "The adapter cannot be calibrated: on the held-out questions all that it would quote is right, or nothing."
        )
    return known


def check_enough(languages: Sequence[Language]) -> None:
    """Raises Refused if held-out questions, each given by its language, are too few."""
    if not enough(languages):
        raise Refused(
            f"{len(languages)} held-out questions are too few to calibrate the adapter: at least {FEWEST} of a "
            "language are needed. Raise --held-out of build-data, or leave out --calibrate."
        )


def _calibrate(rows: Sequence[Row]) -> ReaderCalibration | None:
    """None where all that would be quoted is right, or nothing of it."""
    least_picking = _least_picking(rows)
    trusted = [row["agrees"] or row["certainty"] >= least_picking for row in rows]
    labels = [
        row["answerable"] and (row["picked_right"] if picks else row["ranked_right"])
        for row, picks in zip(rows, trusted, strict=True)
    ]
    if len(set(labels)) < 2:
        return None
    values = np.asarray(
        [[logit(row["retrieval"]), logit(row["nothing"]), logit(row["certainty"]), row["agrees"]] for row in rows]
    )
    model = LogisticRegression(C=1.0, max_iter=2000).fit(values, np.asarray(labels))
    bias, retrieval, nothing, certainty, agrees = (
        round(float(weight), 4) for weight in (*model.intercept_, *model.coef_[0])
    )
    least_certainty = _least_certainty([row for row, picks in zip(rows, trusted, strict=True) if picks])
    return ReaderCalibration(bias, retrieval, nothing, certainty, agrees, least_picking, least_certainty)


def _least_picking(rows: Sequence[Row]) -> float:
    """The certainty from which on the picked sentence is quoted, so that most answerable questions get a right one;
    the highest of equals, above 1 when the ranking's best is always as good.
    """
    best, most, gained = _NEVER, 0, 0
    for certainty, group in _from_certain_to_doubtful(row for row in rows if not row["agrees"]):
        gained += sum(row["picked_right"] - row["ranked_right"] for row in group)
        if gained > most:
            best, most = certainty, gained
    return best


def _least_certainty(rows: Sequence[Row]) -> float:
    """The lowest certainty from which on wordings have the precision wanted; above 1 when they never have it."""
    best, right, count = _NEVER, 0, 0
    for certainty, group in _from_certain_to_doubtful(row for row in rows if row["picked"]):
        right += sum(row["f1"] >= _RIGHT for row in group)
        count += len(group)
        if right >= _PRECISION * count:
            best = certainty
    return best


def _from_certain_to_doubtful(rows: Iterable[Row]) -> list[tuple[float, list[Row]]]:
    """The answerable ones by their certainty in four digits, downwards: a threshold takes all of a group, or none."""
    groups: dict[float, list[Row]] = {}
    for row in rows:
        if row["answerable"]:
            groups.setdefault(math.floor(row["certainty"] * 1e4) / 1e4, []).append(row)
    return sorted(groups.items(), reverse=True)
