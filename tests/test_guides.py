"""The guides' commands can be pasted as they stand."""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

GUIDES = [ROOT / "README.md", ROOT / "README.es.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands(guide: Path) -> list[str]:
    """The lines of its blocks; one that goes on is one."""
    blocks = re.findall(r"^```bash\n(.*?)^```", guide.read_text(encoding="utf-8"), re.M | re.S)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: str(guide.relative_to(ROOT)))
def test_python_is_the_one_that_make_has_installed(guide: Path) -> None:
    """Only a container has another one."""
    other = re.compile(r"(?<!\.venv/bin/)(?<!-m )\b(python3?|pytest) ")
    assert [] == [line for line in commands(guide) if other.search(line) and not line.startswith("docker run ")]
