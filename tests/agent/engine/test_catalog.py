"""Adapters that can be asked for by the name of their folder."""

from pathlib import Path

import pytest

from agent.engine.adapters import CONFIG, WEIGHTS
from agent.engine.catalog import Catalog


def adapter(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in (WEIGHTS, CONFIG):
        (folder / name).write_bytes(b"x")
    return folder


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder with one adapter, beside one that is not in it."""
    adapter(tmp_path / "elsewhere")
    adapter(tmp_path / "shelf" / "mine")
    return tmp_path / "shelf"


def test_a_folder_with_weights_is_an_adapter_of_its_name(shelf: Path) -> None:
    """Also one that comes later."""
    catalog = Catalog({}, shelf)
    assert (("mine",), shelf / "mine") == (catalog.names, catalog.place("mine"))
    adapter(shelf / "later")
    assert shelf / "later" == catalog.place("later")


@pytest.mark.parametrize(
    "name",
    [
        "../elsewhere",
        "..",
        ".",
        "",
        "mine/../../elsewhere",
        "/etc",
        "mine/",
        "./mine",
        "mine\x00",
        "~",
        "mine\n",
        "%2e%2e",
    ],
)
def test_a_name_that_is_a_path_is_no_adapter(shelf: Path, name: str) -> None:
    """Wherever it leads."""
    assert Catalog({}, shelf).place(name) is None


def test_a_link_out_of_the_folder_is_no_adapter(shelf: Path) -> None:
    """Neither the folder itself nor one of its files."""
    (shelf / "linked").symlink_to(shelf.parent / "elsewhere")
    for name in (WEIGHTS, CONFIG):
        (adapter(shelf / name) / name).unlink()
        (shelf / name / name).symlink_to(shelf.parent / "elsewhere" / name)
    catalog = Catalog({}, shelf)
    assert ("mine",) == catalog.names
    for name in ("linked", WEIGHTS, CONFIG):
        assert catalog.place(name) is None


def test_a_folder_that_cannot_be_read_is_no_adapter_and_harms_no_other(shelf: Path) -> None:
    """A link to itself would make resolving fail."""
    (adapter(shelf / "loop") / "self").symlink_to("self")
    (adapter(shelf / "ring") / CONFIG).unlink()
    (shelf / "ring" / CONFIG).symlink_to(shelf / "ring" / CONFIG)
    assert ("mine",) == Catalog({}, shelf).names


def test_a_link_within_the_folder_is_an_adapter(shelf: Path) -> None:
    """So that a name can move to a newer one at once."""
    (shelf / "current").symlink_to("mine")
    assert ("current", "mine") == Catalog({}, shelf).names
