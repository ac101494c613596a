"""Stores of which a byte has been changed."""

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from agent.load_errors import LoadError
from agent.store.store import Store
from tests.chaos.conftest import Figures
from tests.fakes.loading import build_small_store

pytestmark = pytest.mark.timeout(1200)


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.chaos)])
def test_a_store_with_another_byte_is_refused(count: int, tmp_path: Path, figure: Figures) -> None:
    """Whichever it is, of whichever file; nothing crashes, and the store itself is fine."""
    draw, good = random.Random(3), build_small_store(tmp_path)  # noqa: S311
    files = sorted(path.relative_to(good) for path in good.rglob("*") if path.is_file() and path.stat().st_size)
    files = [path for path in files if path.name != ".lock"]
    refused, flipped = Counter[str](), Counter[str]()
    for number in range(count):
        folder = tmp_path / f"store-{number}"
        shutil.copytree(good, folder)
        path = folder / draw.choice(files)
        content = bytearray(path.read_bytes())
        content[draw.randrange(len(content))] ^= draw.randrange(1, 256)
        path.write_bytes(content)
        flipped[path.name] += 1
        with pytest.raises(LoadError) as error:
            Store(folder)
        refused[error.value.code] += 1
        shutil.rmtree(folder)
    Store(good).close()
    figure(f"{count} stores with a flipped byte", f"{dict(refused)} in {dict(flipped)}; 0 crashes")
