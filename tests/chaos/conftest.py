"""What the long tests measure, shown at the end of the run."""

from collections.abc import Callable

import pytest

Figures = Callable[[str, str], None]


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figures:
    """Note a promise, and what was measured of it; whether that is fast enough no test decides."""
    return lambda promise, measured: request.node.user_properties.append(("figure", (promise, measured)))
