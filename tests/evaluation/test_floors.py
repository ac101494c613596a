"""Least values of a report."""

import json
from pathlib import Path

import pytest

from evaluation.dataset import InvalidDataset
from evaluation.floors import Floors, FloorsMissed
from evaluation.report import Report, RetrievalScores

REPORT = Report(retrieval={"fused": RetrievalScores.of([1, 2, None, 1])})


def test_a_report_above_its_floors_passes() -> None:
    """A figure equal to its floor is not below it."""
    Floors({"retrieval.fused.r1": 0.5, "retrieval.fused.r5": 0.7}).check(REPORT)


def test_every_missed_floor_is_named_with_its_value() -> None:
    """So that one run tells all there is to mend; a figure that is not there is missed, too."""
    floors = Floors({"retrieval.fused.r1": 0.9, "answers.auto.f1": 0.1, "retrieval.fused.r5": 0.1})
    with pytest.raises(FloorsMissed, match=r"retrieval.fused.r1 is 0.500, below 0.9; answers.auto.f1 is missing"):
        floors.check(REPORT)


@pytest.mark.parametrize("content", ["[]", "{", '{"a": "b"}'])
def test_a_file_that_holds_no_floors_is_refused(tmp_path: Path, content: str) -> None:
    """Nothing passes because its floors could not be read."""
    path = tmp_path / "floors.json"
    path.write_text(content)
    with pytest.raises(InvalidDataset, match=r"floors\.json"):
        Floors.read(path)


def test_floors_are_read_from_json(tmp_path: Path) -> None:
    """An object of numbers, by their place in the report."""
    path = tmp_path / "floors.json"
    path.write_text(json.dumps({"retrieval.fused.r1": 0.5}))
    assert {"retrieval.fused.r1": 0.5} == Floors.read(path).least
