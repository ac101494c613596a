"""How far an adapter is believed."""

import random

import pytest

from agent.answering.calibration import ReaderCalibration
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
                picked_right=(right := draw.random() > doubt), ranked_right=right, f1=float(certainty > 0.7),
            )
        )  # fmt: skip
    return made


def reader(rows: list[Row]) -> ReaderCalibration:
    """That for English, in which these questions are."""
    return ReaderCalibration(**calibrate(rows)["en"])


def test_what_tells_is_believed_and_what_does_not_is_not() -> None:
    """The doubt decides here, and retrieval and certainty have no say; a doubt of a half is a chance of a half."""
    fitted = reader(rows(800))
    assert fitted.nothing < -0.6
    assert abs(fitted.retrieval) < 0.3
    assert abs(fitted.certainty) < 0.3
    assert fitted.confidence(0.5, 0.05, 0.8, True) > 0.85 > 0.15 > fitted.confidence(0.5, 0.95, 0.8, True)
    assert pytest.approx(0.5, abs=0.1) == fitted.confidence(0.5, 0.5, 0.8, True)


def test_a_wording_is_used_from_where_most_are_right() -> None:
    """85 in 100: a little below the certainty from which on all are. If hardly any is right, none is used."""
    assert 0.6 < reader(rows(800)).least_certainty < 0.7
    never = [row(**one | {"f1": 0.0}) for one in rows(100)]
    assert reader(never).least_certainty > 1.0


def test_the_picked_sentence_is_quoted_from_where_it_is_right_more_often_than_the_best_by_ranking() -> None:
    """Where they differ; never, if the ranking is always as good."""
    apart = [
        row(**one | {"agrees": False, "picked_right": one["certainty"] > 0.6, "ranked_right": number % 2 == 0})
        for number, one in enumerate(rows(800))
    ]
    assert pytest.approx(0.6, abs=0.02) == reader(apart).least_picking
    assert reader(rows(100)).least_picking > 1.0


def test_agreement_with_the_ranking_is_believed_as_far_as_it_tells() -> None:
    """Two that come to the same sentence are right more often."""
    draw = random.Random(1)  # noqa: S311
    made = []
    for one in rows(800):
        agrees = draw.random() < 0.5
        right = draw.random() < (0.9 if agrees else 0.3)
        made.append(row(**one | {"agrees": agrees, "picked_right": right, "ranked_right": right}))
    fitted = reader(made)
    assert fitted.confidence(0.5, 0.5, 0.6, True) > 0.8 > 0.4 > fitted.confidence(0.5, 0.5, 0.6, False)


def test_each_language_has_its_own_calibration() -> None:
    """A model that reads one of them badly must not spoil the other; one with too few questions has none."""
    bad = [
        row(**one | {"language": "es", "picked_right": number % 5 == 0, "f1": 0.0})
        for number, one in enumerate(rows(100))
    ]
    known = calibrate([*rows(100), *bad])
    assert known["en"] == calibrate(rows(100))["en"]
    assert known["es"]["least_certainty"] > 1.0
    assert ["en"] == list(calibrate([*rows(100), *bad[:5]]))


def test_a_wording_from_a_sentence_that_is_not_trusted_does_not_count() -> None:
    """It is not used, so it says nothing about those that are."""
    doubted = [row(**one | {"agrees": False, "picked_right": False, "f1": 0.0}) for one in rows(400)]
    assert reader(rows(400)).least_certainty == reader([*rows(400), *doubted]).least_certainty


@pytest.mark.parametrize("count", [0, 5])
def test_too_few_questions_are_refused(count: int) -> None:
    """A confidence from a handful would be a guess."""
    with pytest.raises(Refused, match="too few"):
        calibrate(rows(count))
