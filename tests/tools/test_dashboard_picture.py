"""The Grafana dashboard: what it asks for has to be there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from agent.runtime import Runtime
from agent.settings import Settings
from local_server.keys import Key, KeyFile
from local_server.platform.settings import PlatformSettings
from tests.conftest import ROOT
from tests.fakes.loading import scripted_loader
from tests.local_server.serving import KEY, QUESTION, serving
from tools.dashboard_picture import DASHBOARD, panels_of, queries_of

_METRIC = re.compile(r"\baskpod_\w+")


@pytest.fixture
def dashboard() -> dict[str, Any]:
    """As it is imported."""
    loaded: dict[str, Any] = json.loads((ROOT / DASHBOARD).read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The metrics of a server of each kind."""
    path, found = tmp_path_factory.mktemp("keys") / "keys.json", set[str]()
    KeyFile(path).add(Key.of(b"admin-1", "admin", scopes=["admin"]))
    settings = Settings(api_keys=(SecretStr(KEY),), keys_file=path, port=0)
    for platform in (PlatformSettings(), PlatformSettings(max_workers=1)):
        with serving(Runtime(settings, scripted_loader()), platform=platform) as client:
            client.post("/v1/ask", json={"question": QUESTION}, headers={"X-API-KEY": KEY}).raise_for_status()
            text = httpx.get(f"{client.base_url}/metrics", headers={"X-API-KEY": "admin-1"}).text
            found |= {line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#")}
    return found


def test_every_metric_of_the_dashboard_is_served(dashboard: dict[str, Any], exposed: set[str]) -> None:
    """And each panel asks for at least one."""
    for panel in panels_of(dashboard):
        for query, _legend in queries_of(panel):
            asked = set(_METRIC.findall(query))
            assert asked
            assert asked <= exposed


def test_every_metric_that_is_served_is_in_the_guide(exposed: set[str]) -> None:
    """And nothing else is."""
    named = set(re.findall(r"^\| `(askpod_\w+)`", (ROOT / "docs/metrics.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert named == {re.sub(r"_(bucket|sum|count|created)$", "", name) for name in exposed if "_created" not in name}


def test_panels_do_not_overlap(dashboard: dict[str, Any]) -> None:
    """Grafana would move them."""
    taken = set[tuple[int, int]]()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_without_prometheus_it_says_what_to_install(tmp_path: Path) -> None:
    """Nothing is started or written, and the exit status is 2."""
    command = [sys.executable, "-m", "tools.dashboard_picture", "--output", str(tmp_path / "picture.png")]
    result = subprocess.run(command, cwd=ROOT, env=os.environ | {"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert 2 == result.returncode
    assert "apt-get install -y prometheus" in result.stderr
    assert [] == list(tmp_path.iterdir())
