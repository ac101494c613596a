"""Where a model is looked for, and when a hub is asked."""

import subprocess
import sys
from pathlib import Path

import pytest

from agent.load_errors import ModelNotFound
from agent.model_source import locate
from agent.settings import Settings
from tests.conftest import ROOT, environment
from tests.fakes.model_hub import COMMIT, ModelHub

FILES = {"config.json": b"{}", "model.safetensors": b"weights"}
LOCATE = (
    "import sys; from agent.settings import Settings; from agent.model_source import locate;"
    "print(locate('Org/Name', 'BASE_MODEL', Settings()))"
)


def located(hub: ModelHub, home: Path, **changes: object) -> subprocess.CompletedProcess[str]:
    env = environment(**changes) | {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    env = {name: value for name, value in env.items() if name != "HF_HUB_CACHE"}
    return subprocess.run(
        [sys.executable, "-c", LOCATE], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


def test_a_download_that_is_allowed_needs_no_other_word(tmp_path: Path) -> None:
    """Although the image keeps every library offline; the next start finds it without a hub."""
    with ModelHub("Org/Name", FILES) as hub:
        found = located(hub, tmp_path, allow_downloads=True)
        assert 0 == found.returncode, found.stderr
        folder = Path(found.stdout.strip())
        assert COMMIT == folder.name
        assert FILES == {path.name: path.read_bytes() for path in folder.iterdir()}
        asked = len(hub.requests)
        assert found.stdout == located(hub, tmp_path).stdout
        assert asked == len(hub.requests)


def test_a_hub_is_never_asked_unless_that_is_allowed(tmp_path: Path) -> None:
    """The message says what to set."""
    with ModelHub("Org/Name", FILES) as hub:
        found = located(hub, tmp_path)
        assert "ALLOW_DOWNLOADS is false" in found.stderr
        assert [] == hub.requests


def test_a_model_that_no_hub_has_is_told(tmp_path: Path) -> None:
    """As one that could not be downloaded."""
    with ModelHub("Org/Other", FILES) as hub:
        assert "BASE_MODEL could not be downloaded" in located(hub, tmp_path, allow_downloads=True).stderr


@pytest.mark.parametrize("value", ["models/typo", "typo", "/no/such/folder", "../elsewhere", ""])
def test_a_folder_that_is_not_there_is_told(value: str) -> None:
    """Whatever it looks like."""
    with pytest.raises(ModelNotFound, match="BASE_MODEL was not found"):
        locate(value, "BASE_MODEL", Settings())
