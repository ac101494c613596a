"""The image's content, by doing what its COPY instructions do and running the service there."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path, PurePosixPath

import pytest

from agent.settings import Settings
from tests.conftest import ROOT
from tests.container.dockerfile import Stage
from tests.container.dockerignore import DockerIgnore
from tests.container.replay import copies_of, replay


def run_in_image(
    image: Stage, folder: Path, *arguments: str, python: str = sys.executable, **settings: object
) -> subprocess.CompletedProcess[str]:
    """Run Python in `folder` with a container's environment and `settings`; nothing leads to the checkout."""
    named = {name.upper(): str(value) for name, value in settings.items()}
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": os.environ["PATH"], "HOME": home} | image.environment() | named
        return subprocess.run(
            [python, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=240
        )


def test_hadolint_has_nothing_to_say() -> None:
    """The linter finds no error and no warning in the Dockerfile."""
    linter = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if linter is None:
        pytest.skip("hadolint is not installed")

    result = subprocess.run([linter, "Dockerfile"], cwd=ROOT, capture_output=True, text=True)

    assert (0, "") == (result.returncode, result.stdout)


def test_the_default_command_answers_test_input(image: Stage, image_root: Path, real_settings: Settings) -> None:
    """`python -m handler` answers test_input.json with nothing but the files that the image holds."""
    models = real_settings.model_dump(include={"base_model", "embedding_model", "rag_store"})

    result = run_in_image(image, image_root / "app", "-m", "handler", **models)

    assert 0 == result.returncode, result.stderr
    assert "Question" in result.stdout
    assert "  [1] api.md:" in result.stdout


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_image_s_own_steps_make_what_answers(
    image: Stage, stages: dict[str, Stage], tmp_path: Path, real_settings: Settings
) -> None:
    """A fresh environment with the requirements that the image installs and no other, and compiled code."""
    replay(image, ROOT, tmp_path)
    app, python = tmp_path / "app", tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    environment = {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    of_torch, rest = [each.arguments for each in stages["base"].own if each.arguments.startswith("pip install")]
    assert "requirements-cuda.txt" in of_torch
    # The same version for the CPU, in place of gigabytes that need a GPU.
    cuda = (ROOT / "requirements-cuda.txt").read_text(encoding="utf-8")
    (torch,) = re.findall(r"^torch==[\d.]+", cuda, re.MULTILINE)
    for step in (f"pip install --no-cache-dir {torch}", rest, _compile_step(image)):
        subprocess.run(["sh", "-c", step], cwd=app, env=environment, check=True, capture_output=True)
    models = real_settings.model_dump(include={"base_model", "embedding_model", "rag_store"})

    result = run_in_image(image, app, "-m", "handler", python=str(python), **models)

    assert 0 == result.returncode, result.stderr
    assert "  [1] api.md:" in result.stdout
    assert list(app.rglob("handler/__pycache__/handler.*.pyc"))


def _compile_step(image: Stage) -> str:
    (step,) = [each.arguments for each in image.own if each.word == "RUN"]
    # The one path outside the folder that the image works in.
    return step.replace(" /opt/askpod", "")


def test_the_other_command_is_there(image: Stage, image_root: Path) -> None:
    """`python -m local_server` starts in the same files, and says what it misses: a key."""
    result = run_in_image(image, image_root / "app", "-m", "local_server")

    assert 2 == result.returncode, result.stderr
    assert "API_KEYS" in result.stderr


@pytest.mark.parametrize(
    ("stage", "modules"),
    [("embedded", "agent.embedded.__main__"), ("demo", "agent.ingest.__main__, agent.retrieval.loading")],
)
def test_a_stage_copies_the_code_that_it_runs(
    stages: dict[str, Stage], tmp_path: Path, stage: str, modules: str
) -> None:
    """A command of the build finds every module it imports among the files of its own stage."""
    replay(stages[stage], ROOT, tmp_path)

    result = run_in_image(stages[stage], tmp_path / "app", "-c", f"import {modules}")

    assert 0 == result.returncode, result.stderr


def test_the_stage_of_the_demo_index_builds_one(
    stages: dict[str, Stage], tmp_path: Path, real_settings: Settings
) -> None:
    """With the real embedder and none but its own files, whatever is imported only when it is needed."""
    replay(stages["demo"], ROOT, tmp_path)
    (tmp_path / "mine").mkdir()
    shutil.copy(tmp_path / "app" / "docs" / "glossary.md", tmp_path / "mine")
    models = real_settings.model_dump(include={"embedding_model"})

    result = run_in_image(
        stages["demo"], tmp_path / "app", "-m", "agent.ingest", "../mine", "--store", "../demo/rag_store", **models
    )

    assert 0 == result.returncode, result.stderr
    assert (tmp_path / "demo" / "rag_store" / "manifest.json").is_file()


def test_only_what_runs_is_in_the_image(image_root: Path) -> None:
    """The image holds the code, its licence and the sample job, and no test, secret, document or history."""
    app = {path.name for path in (image_root / "app").iterdir()}
    files = [path.relative_to(image_root) for path in image_root.rglob("*") if path.is_file()]

    assert {
        "LICENSE",
        "agent",
        "handler",
        "local_server",
        "requirements-cuda.txt",
        "requirements.txt",
        "test_input.json",
    } == app
    assert [] == [file for file in files if file.name.startswith(".") or file.suffix == ".pyc"]
    assert [] == [file for file in files if {"tests", "docs", "models"} & set(file.parts)]


def test_secrets_of_the_checkout_stay_outside(stages: dict[str, Stage], tmp_path: Path) -> None:
    """Wherever a .env file, a key or the history lies, no stage copies it, be it in a folder that is copied."""
    context = tmp_path / "context"
    _plant(context / ".dockerignore", (ROOT / ".dockerignore").read_text(encoding="utf-8"))
    copies = [copy for stage in stages.values() for copy in copies_of(stage) if not copy.stage]
    for source in {source for copy in copies for source in copy.sources if "[" not in source}:
        _plant(context / source / "file.md" if (ROOT / source).is_dir() else context / source, "harmless")
    for folder in ("agent", "agent/ingest", "handler", "local_server", "docs", "models/mine", "adapters/mine"):
        for name in (".env", ".env.production", ".git/config", ".netrc", "__pycache__/code.pyc"):
            _plant(context / folder / name, "secret")

    for stage in stages.values():
        replay(stage, context, tmp_path / "images" / stage.name)

    contents = [path.read_text(encoding="utf-8") for path in (tmp_path / "images").rglob("*") if path.is_file()]
    assert "harmless" in contents
    assert "secret" not in contents


def test_the_build_sees_only_what_is_allowed() -> None:
    """The build context is an allow-list: what nobody thought of never reaches the engine that builds."""
    ignore = DockerIgnore((ROOT / ".dockerignore").read_text(encoding="utf-8"))
    outside = (".env", ".git/config", ".venv/bin/python", "tests/conftest.py", "notes.txt", "dump/users.csv", "id_rsa")

    assert [] == [path for path in outside if not ignore.ignores(PurePosixPath(path))]
    assert not ignore.ignores(PurePosixPath("tools/bake.py")), "the build mounts it"


def test_no_setting_of_the_image_is_a_secret(image: Stage) -> None:
    """The image names no key and no token; they come with the container."""
    assert set() == {name for name in image.environment() if "KEY" in name or "TOKEN" in name}


def test_dependencies_have_layers_before_the_code(image: Stage) -> None:
    """A changed line of code installs nothing anew: every package is installed before any code is copied."""
    steps = [f"{each.word} {each.arguments}" for each in image.instructions()]
    installs = [index for index, step in enumerate(steps) if "pip install" in step]
    code = [index for index, step in enumerate(steps) if step.split()[:2] in (["COPY", "agent"], ["COPY", "handler"])]

    assert installs
    assert code
    assert max(installs) < min(code)


def test_every_requirement_is_pinned(stages: dict[str, Stage]) -> None:
    """Each requirements file that a stage copies names exact versions, each with the hashes of its files."""
    copied = {source for stage in stages.values() for copy in copies_of(stage) for source in copy.sources}
    files = sorted(source for source in copied if source.startswith("requirements"))
    lines = [line for file in files for line in (ROOT / file).read_text(encoding="utf-8").splitlines()]
    pinned = re.compile(r"[\w.-]+(\[[\w, -]+\])?==[\w.]+( ; .+)? \\")

    assert ["requirements-cuda.txt", "requirements-models.txt", "requirements.txt"] == files
    assert [] == [
        line
        for line in lines
        if not pinned.fullmatch(line) and not re.fullmatch(r"#.*|    --hash=sha256:[0-9a-f]{64}( \\)?", line)
    ]
    for line, following in pairwise(lines):
        assert following.startswith("    --hash=") or not pinned.fullmatch(line)


def test_what_we_ask_for_is_what_is_installed() -> None:
    """`make lock` was not forgotten."""
    asked = {line for line in (ROOT / "requirements.in").read_text().splitlines() if line and line[0] != "#"}
    locked = "".join((ROOT / name).read_text() for name in ("requirements.txt", "requirements-cuda.txt"))
    found = {
        f"{name}=={version}".casefold()
        for name, version in re.findall(r"^([\w.-]+).*?==([\w.]+)", locked, re.MULTILINE)
    }
    assert {line.casefold().replace("_", "-").replace("pdfminer.six", "pdfminer-six") for line in asked} <= found


def test_the_container_is_set_up_for_a_worker(image: Stage) -> None:
    """It runs the handler, without rights, offline, unbuffered, with JSON logs, and shows the server's port."""
    expected = {
        "PYTHONUNBUFFERED": "1",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HOST": "0.0.0.0",  # noqa: S104 - in a container, the container's own address
        "LOG_FORMAT": "json",
    }

    assert '["python", "-m", "handler"]' == image.value("CMD")
    assert "10001:10001" == image.value("USER")
    assert "8000" == image.value("EXPOSE")
    assert expected == {name: image.environment().get(name) for name in expected}


def test_the_image_names_settings_that_exist(image: Stage) -> None:
    """Every variable of the image is one of our settings, or one of Python's, the hub's or the SDK's."""
    others = ("PYTHON", "PIP_", "HF_", "TRANSFORMERS_", "RUNPOD_")
    ours = {name for name in image.environment() if not name.startswith(others)}

    assert set() == ours - {name.upper() for name in Settings.model_fields}


def test_the_base_is_an_exact_release(stages: dict[str, Stage]) -> None:
    """The Python base image is named down to the patch release and the Debian release."""
    foreign = {stage.base for stage in stages.values() if stage.parent is None and stage.base != "scratch"}

    assert 1 == len(foreign)
    assert all(base.startswith("python:3.11.") and base.endswith("-slim-bookworm") for base in foreign)


def _plant(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
