"""What the platform's Hub shows and runs."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from agent.settings import EMBEDDED_ADAPTER_NAME, EMBEDDED_LLM, Settings
from tests.agent.test_settings import shown
from tests.conftest import ROOT, environment
from tools.hub import HUB, NOT_ASKED, hub


def read(path: object) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / str(path)).read_text(encoding="utf-8"))
    return content


def test_the_file_says_what_the_settings_say() -> None:
    """`python -m tools.hub` writes it again."""
    assert hub() == read(HUB)


def test_every_setting_of_a_worker_is_an_input_with_its_default() -> None:
    """Once, in their order; what stands in the file gives the default when it is set."""
    inputs = {one["key"]: one["input"] for one in read(HUB)["config"]["env"]}
    expected = [name.upper() for name in Settings.model_fields if name not in NOT_ASKED]
    assert expected == list(inputs)
    assert set(Settings.model_fields) >= NOT_ASKED
    for name, asked in inputs.items():
        default = Settings.model_fields[name.lower()].default
        text = shown(asked["default"])
        assert default == getattr(Settings.model_validate({name.lower(): text}), name.lower())
        assert asked["description"]


def test_the_presets_are_settings_that_are_valid() -> None:
    """A preset fills in inputs only."""
    config = read(HUB)["config"]
    inputs = {one["key"] for one in config["env"]}
    for preset in config["presets"]:
        assert set(preset["defaults"]) <= inputs
        Settings.model_validate({name.lower(): shown(value) for name, value in preset["defaults"].items()})
    assert 3 == len(config["presets"])


def test_the_hub_finds_what_it_looks_for() -> None:
    """A handler, which is no second one, beside the Dockerfile and the README."""
    for name in (".runpod/handler.py", "Dockerfile", "README.md"):
        assert (ROOT / name).is_file()
    code = f"import runpy; runpy.run_path({str(ROOT / '.runpod/handler.py')!r}, run_name='imported')"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    env = environment(top_k="none")
    run = subprocess.run([sys.executable, ".runpod/handler.py"], cwd=ROOT, env=env, capture_output=True, text=True)
    assert (2, True) == (run.returncode, run.stderr.startswith("TOP_K: "))


@pytest.mark.slow
def test_the_hub_s_tests_pass() -> None:
    """Under the Hub's own environment, on the embedded models."""
    command = [sys.executable, "-m", "local_server", "--hub-harness"]
    env = os.environ | {"PORT": "0", "AUTH_DISABLED": "true"}
    run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=280)
    plan = read(".runpod/tests.json")
    assert 0 == run.returncode, run.stdout + run.stderr
    assert len(plan["tests"]) == run.stdout.count("passed") + run.stderr.count("passed  ")
    assert {"smoke", "spanish", "unanswerable", "adapter", "bad_input"} <= {test["name"] for test in plan["tests"]}
    assert EMBEDDED_ADAPTER_NAME in {test["input"].get("adapter") for test in plan["tests"]}
    assert EMBEDDED_LLM == hub()["config"]["presets"][0]["defaults"]["BASE_MODEL"]
