"""The image, as its Dockerfile tells it, and what a build of it copies."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.container.dockerfile import Stage, read_stages
from tests.container.replay import replay


@pytest.fixture(scope="session")
def stages() -> dict[str, Stage]:
    """The stages of the Dockerfile by name."""
    return read_stages(ROOT / "Dockerfile")


@pytest.fixture(scope="session")
def image(stages: dict[str, Stage]) -> Stage:
    """The last stage: what `docker build` makes."""
    return list(stages.values())[-1]


@pytest.fixture(scope="session")
def image_root(image: Stage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A container's `/`, as far as it is copied from the checkout. Tests read it and write nothing into it."""
    root = tmp_path_factory.mktemp("image")
    replay(image, ROOT, root)
    return root
