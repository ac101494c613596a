"""The reader of Dockerfiles that the other tests of the image rely on."""

from pathlib import Path

import pytest

from tests.container.dockerfile import Stage, read_stages

TEXT = """# comment
FROM python:3 AS base
ARG MODEL=models/a
# between
ENV ONE=1 \\
    # inside
    TWO="a b"
FROM base AS last
ENV MODEL=$MODEL STORE=${STORE:-store} ONE=${ONE}2
CMD ["first"]
CMD ["second"]
"""


@pytest.fixture
def last(tmp_path: Path) -> Stage:
    """The last stage of `TEXT`."""
    (tmp_path / "Dockerfile").write_text(TEXT, encoding="utf-8")
    return read_stages(tmp_path / "Dockerfile")["last"]


def test_a_stage_has_the_environment_of_the_stages_below_it(last: Stage) -> None:
    """Variables are inherited, and filled in from arguments, defaults and earlier variables."""
    assert {"ONE": "12", "TWO": "a b", "MODEL": "models/a", "STORE": "store"} == last.environment()


def test_the_last_instruction_of_a_kind_counts(last: Stage) -> None:
    """A second CMD replaces the first, and one that is nowhere is an error."""
    assert '["second"]' == last.value("CMD")
    with pytest.raises(LookupError):
        last.value("USER")


@pytest.mark.parametrize("text", ["FROM python:3 AS base\nADD a b\n", "FROM python:3 as base\n"])
def test_what_is_not_understood_is_an_error(tmp_path: Path, text: str) -> None:
    """The reader refuses what it does not know, rather than skipping it."""
    (tmp_path / "Dockerfile").write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match="does not understand"):
        read_stages(tmp_path / "Dockerfile")
