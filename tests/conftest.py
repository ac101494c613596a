"""What several tests stand on: the real models with a real store, and settings that no environment leaks into."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest
from filelock import FileLock

from agent.settings import EMBEDDED_EMBEDDER, EMBEDDED_LLM, Settings
from agent.store.manifest import FILE_NAME as MANIFEST
from agent.store.manifest import read_manifest
from agent.unknown_name import unknown_names
from local_server.platform.settings import PlatformSettings

# How long an example takes says nothing on a shared machine; speed is asserted nowhere.
hypothesis.settings.register_profile("askpod", deadline=None)
hypothesis.settings.load_profile("askpod")

# Ctrl-C is obeyed by what tests start, also when they were begun in the background, where a shell has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent.parent
SETTING_NAMES = {name.upper() for name in Settings.model_fields}
SETTING_NAMES |= {f"PLATFORM_{name.upper()}" for name in PlatformSettings.model_fields}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads the developer's settings, nor a .env file."""
    for name in SETTING_NAMES & set(os.environ):
        monkeypatch.delenv(name)
    for settings in (Settings, PlatformSettings):
        monkeypatch.setitem(settings.model_config, "env_file", None)
    for unknown in unknown_names(Settings, PlatformSettings):
        monkeypatch.delenv(unknown.name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings for a fast test: no models, short retries."""
    return Settings(rag_store=tmp_path / "store", load_retry_s=0.05, load_retry_max_s=0.1, auth_disabled=True)


@pytest.fixture(scope="session")
def real_models() -> Path:
    """The folder of the embedded models, which `make test` has prepared."""
    models = ROOT / "models"
    assert (ROOT / EMBEDDED_LLM).is_dir(), "run `make models` first"
    return models


@pytest.fixture(scope="session")
def real_store(real_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of the API guides, made by the real command once for all test processes.

    The vectors are the real embedder's; those that the demo index has are taken from there.
    """
    run = _of_the_run(tmp_path_factory)
    with FileLock(run / "real.lock"):
        if not (run / "real").exists():
            _build_real_store(run / "real.part")
            (run / "real.part").rename(run / "real")
    return run / "real" / "store"


def _build_real_store(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("api.md", "es/api.md"):
        (folder / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "docs" / name, folder / "docs" / name)
    demo = ROOT / "rag_store"
    if (demo / MANIFEST).is_file() and "api.md" in read_manifest(demo).sources:
        shutil.copytree(demo, folder / "store")
    command = [sys.executable, "-m", "agent.ingest", str(folder / "docs"), "--store", str(folder / "store")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=environment())


def _of_the_run(factory: pytest.TempPathFactory) -> Path:
    """The folder of this test run; each of pytest-xdist's processes has a folder of its own in it."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture
def real_settings(real_store: Path) -> Settings:
    """The embedded models and a store of the project's own API guides."""
    return Settings(
        base_model=str(ROOT / EMBEDDED_LLM),
        embedding_model=str(ROOT / EMBEDDED_EMBEDDER),
        rag_store=real_store,
        auth_disabled=True,
    )


def environment(**settings: object) -> dict[str, str]:
    """The environment of a subprocess: this one's, without our settings, and with `settings`."""
    clean = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
    named = {name.upper(): str(value) for name, value in settings.items()}
    return clean | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)} | named


# What tests have measured: (promise, figure). With pytest-xdist the reports bring it to the process that shows it.
_FIGURES: list[tuple[str, str]] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect the figures of a finished test; see `tests/chaos/conftest.py`."""
    if report.when == "teardown":
        _FIGURES.extend(value for name, value in report.user_properties if name == "figure")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures, one a line; `build/reliability.json` has them as well."""
    if not _FIGURES:
        return
    terminalreporter.section("figures")
    for promise, measured in _FIGURES:
        terminalreporter.write_line(f"{promise}: {measured}")
    report = ROOT / "build" / "reliability.json"
    report.parent.mkdir(exist_ok=True)
    report.write_text(json.dumps(dict(_FIGURES), indent=2), encoding="utf-8")
