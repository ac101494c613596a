"""How far an adapter is believed."""

import random

import pytest

from agent.calibration import ReaderCalibration
from tests.training.test_figures import row
from training.calibrate import calibrate
from training.errors import Refused
from training.figures import Row


def rows(count: int) -> list[Row]:
    """Questions that are answered as often as the model does not doubt; its wordings are right if it is certain."""
    draw = random.Random(0)  # noqa: S311
    made = []
    for _ in range(count):
        doubt, certainty = draw.uniform(0.02, 0.98), draw.uniform(0.3, 0.99)
        made.append(
            row(
                nothing=doubt, certainty=certainty, retrieval=draw.uniform(0.2, 0.8),
                sentence_right=draw.random() > doubt, f1=float(certainty > 0.7),
            )
        )  # fmt: skip
    return made


def test_what_tells_is_believed_and_what_does_not_is_not() -> None:
    """The doubt decides here, and retrieval and certainty have no say; a doubt of a half is a chance of a half."""
    reader = ReaderCalibration(**calibrate(rows(800)))
    assert reader.nothing < -0.6
    assert abs(reader.retrieval) < 0.3
    assert abs(reader.certainty) < 0.3
    assert reader.confidence(0.5, 0.05, 0.8) > 0.85 > 0.15 > reader.confidence(0.5, 0.95, 0.8)
    assert pytest.approx(0.5, abs=0.1) == reader.confidence(0.5, 0.5, 0.8)


def test_a_wording_is_used_from_where_most_are_right() -> None:
    """Four in five: a little below the certainty from which on all are. If hardly any is right, none is used."""
    assert 0.6 < calibrate(rows(800))["least_certainty"] < 0.7
    never = [row(**one | {"f1": 0.0}) for one in rows(100)]
    assert calibrate(never)["least_certainty"] > 1.0


@pytest.mark.parametrize("count", [0, 5])
def test_too_few_questions_are_refused(count: int) -> None:
    """A confidence from a handful would be a guess."""
    with pytest.raises(Refused, match="too few"):
        calibrate(rows(count))
