"""The installation: uv beside pip's configuration, and pip where uv does not work."""

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.install import Environment, InstallationFailed, uv_options

WHEEL = "askpod_probe-1.0-py3-none-any.whl"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A requirements file of one hashed package, and pip's configuration for the only folder that has it."""
    index = tmp_path / "index"
    index.mkdir()
    info = "askpod_probe-1.0.dist-info"
    with zipfile.ZipFile(index / WHEEL, "w") as wheel:
        wheel.writestr("askpod_probe.py", "ANSWER = 42\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: askpod-probe\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"askpod_probe.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    digest = hashlib.sha256((index / WHEEL).read_bytes()).hexdigest()
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"askpod-probe==1.0 --hash=sha256:{digest}\n", encoding="utf-8")
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\nno-index = true\nfind-links = {index}\n", encoding="utf-8")
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    # Where this machine may have a configuration of its own.
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path))
    return requirements


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A new virtual environment."""
    made = Environment(tmp_path / "venv")
    made.create()
    return made


@pytest.fixture
def with_uv(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """The same, with the uv of the development requirements."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    environment.bootstrap_uv("uv==0")
    return environment


def answer_of(environment: Environment) -> str:
    command = [environment.python, "-c", "import askpod_probe; print(askpod_probe.ANSWER)"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def executable(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_uv_installs_from_pip_s_package_indexes(
    package: Path, with_uv: Environment, capfd: pytest.CaptureFixture[str]
) -> None:
    """uv takes a package that only pip's configuration leads to, and pip is not needed for it."""
    with_uv.install("--require-hashes", "-r", str(package))
    assert ("42\n", "") == (answer_of(with_uv), capfd.readouterr().err)


def test_the_build_that_pip_chooses_is_installed_by_uv(
    package: Path, with_uv: Environment, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without a pinned hash, and a second time there is nothing to do."""
    for _ in range(2):
        with_uv.torch("askpod-probe==1.0")
        assert ("42\n", "") == (answer_of(with_uv), capfd.readouterr().err)


def test_pip_installs_where_uv_fails(
    package: Path, environment: Environment, capfd: pytest.CaptureFixture[str]
) -> None:
    """The same requirements with the same hashes, and a sentence that says why it takes longer."""
    uv = Path(environment.python).parent / "uv"
    executable(uv, "echo 'error: no route to host' >&2; exit 2")
    environment.bootstrap_uv("uv==0")
    environment.install("--require-hashes", "-r", str(package))
    assert "42\n" == answer_of(environment)
    assert "uv failed (error: no route to host); pip tries the same." in capfd.readouterr().err


def test_pip_installs_where_there_is_no_uv(
    package: Path, environment: Environment, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither on the PATH nor on the package index."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    environment.bootstrap_uv("uv==0")
    environment.install("--require-hashes", "-r", str(package))
    assert "42\n" == answer_of(environment)
    assert "uv cannot be installed here" in capfd.readouterr().err


def test_a_file_with_another_hash_is_refused(
    package: Path, with_uv: Environment, capfd: pytest.CaptureFixture[str]
) -> None:
    """By uv, and then by pip, which says so."""
    package.write_text(f"askpod-probe==1.0 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    with pytest.raises(InstallationFailed):
        with_uv.install("--require-hashes", "-r", str(package))
    said = capfd.readouterr().err
    assert "uv failed" in said
    assert "DO NOT MATCH THE HASHES" in said


@pytest.mark.parametrize(
    ("printed", "options"),
    [
        ("", []),
        ("global.cert='/etc/ssl/certs.pem'\nglobal.timeout='60'\n", []),
        ("global.index-url='https://mirror.example/simple'\n", ["--index-url", "https://mirror.example/simple"]),
        (":env:.find-links='/opt/wheels'\n", ["--find-links", "/opt/wheels"]),
        (
            "global.extra-index-url='file:///a/simple file:///b/simple'\n",
            ["--extra-index-url", "file:///a/simple", "--extra-index-url", "file:///b/simple"],
        ),
        ("install.find-links='\\n/a\\n/b'\n", ["--find-links", "/a", "--find-links", "/b"]),
        ("global.no-index='true'\nglobal.find-links='/a'\n", ["--no-index", "--find-links", "/a"]),
        ("global.no-index='false'\n", []),
        ("global.constraint='/etc/constraints.txt'\n", ["--constraints", "/etc/constraints.txt"]),
        (":env:.index-url='https://b/'\nglobal.index-url='https://a/'\n", ["--index-url", "https://b/"]),
        ("global.index-url='https://a/'\ninstall.index-url='https://b/'\n", ["--index-url", "https://b/"]),
        (":env:.no-index='0'\nglobal.no-index='1'\ndownload.find-links='/a'\n", []),
    ],
)
def test_pip_s_index_settings_are_uv_s_options(printed: str, options: list[str]) -> None:
    """Each value of each of them, and nothing else of pip's configuration."""
    names = {"constraint": "--constraints", "index-url": "--index-url", "find-links": "--find-links"}
    assert options == uv_options(printed, names | {"extra-index-url": "--extra-index-url"})
