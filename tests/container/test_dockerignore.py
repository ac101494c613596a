"""The reader of .dockerignore files that the other tests of the image rely on."""

from pathlib import PurePosixPath

import pytest

from tests.container.dockerignore import DockerIgnore


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        ("README.md", True),
        ("agent/a.py", False),
        ("agent/deep/er/a.py", False),
        ("agent/.env", True),
        (".env", True),
        ("docs/a.md", False),
        ("docs/es/a.md", False),
        ("docs/es/a.png", True),
        ("models/mine/a.bin", False),
        ("models/embedded/a.bin", True),
        ("agents/a.py", True),
    ],
)
def test_the_last_pattern_that_matches_a_path_or_a_parent_decides(path: str, ignored: bool) -> None:
    """An allow-list with exceptions of its exceptions lets through what Docker would."""
    ignore = DockerIgnore("# all\n*\n\n!agent\n!docs/**/*.md\n!models/\nmodels/embedded\n**/.*\n")

    assert ignored == ignore.ignores(PurePosixPath(path))


def test_a_pattern_that_is_not_understood_is_an_error() -> None:
    """The reader refuses what it would read otherwise than Docker does."""
    with pytest.raises(ValueError, match="does not understand"):
        DockerIgnore("model[s]\n")
