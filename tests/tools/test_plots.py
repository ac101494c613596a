"""The guides' pictures, drawn from reports."""

from pathlib import Path

import pytest

from tests.benchmarks.test_cold_start import REPORT
from tests.evaluation.test_report import WHOLE
from tools.plots import PICTURES, main


def test_pictures_are_drawn_from_the_reports_that_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A report that is missing is named, and the status says so."""
    REPORT.write(tmp_path / "cold-start.json")
    for name in ("en", "es", "cross"):
        (tmp_path / f"evaluation-{name}").mkdir()
        WHOLE.write_json(tmp_path / f"evaluation-{name}" / "report.json")
    options = ["--reports", str(tmp_path), "--output", str(tmp_path / "docs")]
    assert 1 == main(options)
    assert {*PICTURES} - {"engine.png"} == {path.name for path in (tmp_path / "docs").iterdir()}
    assert "Not drawn: engine.png" in capsys.readouterr().err
    assert 0 == main(["cold-start.png", *options])


def test_a_picture_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With the names of those that there are."""
    with pytest.raises(SystemExit, match="2"):
        main(["nothing.png"])
    assert "there is no picture nothing.png" in capsys.readouterr().err
