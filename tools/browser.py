"""The browser of this machine; none is ever downloaded."""

import shutil

_NAMES = ("chromium", "chromium-browser", "google-chrome")
NO_BROWSER = "There is no browser. On Debian: apt-get install -y chromium\n"


def find_browser() -> str | None:
    """The path of a Chromium, if there is one."""
    return next(filter(None, map(shutil.which, _NAMES)), None)
