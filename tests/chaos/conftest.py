"""What the long tests measure, shown at the end of the run."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

Figures = Callable[[str, str], None]
_SHOWN: list[tuple[str, str]] = []
REPORT = Path(ROOT) / "build" / "reliability.json"


@pytest.fixture
def figure() -> Figures:
    """Note a promise, and what was measured of it; whether that is fast enough no test decides."""
    return lambda promise, measured: _SHOWN.append((promise, measured))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures, one a line; `build/reliability.json` has them as well."""
    if not _SHOWN:
        return
    terminalreporter.section("figures")
    for promise, measured in _SHOWN:
        terminalreporter.write_line(f"{promise}: {measured}")
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(dict(_SHOWN), indent=2), encoding="utf-8")
