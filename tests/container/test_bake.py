"""What gets into the image when a build argument names it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent.settings import EMBEDDED_ADAPTER, EMBEDDED_LLM
from tests.conftest import ROOT
from tests.container.dockerfile import Stage
from tests.fakes.model_hub import ModelHub


def bake(context: Path, app: Path, *settings: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the build's own command."""
    command = [sys.executable, str(ROOT / "tools/bake.py"), "--source", str(context), "--target", str(app), *settings]
    return subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """Two models, two adapters and a store, each one file."""
    context = tmp_path / "context"
    for folder in ("models/mine", "models/other", "adapters/a", "adapters/b", "rag_store/builds/1"):
        (context / folder).mkdir(parents=True)
        (context / folder / "file").write_text(folder, encoding="utf-8")
        (context / folder / "file").chmod(0o600)
    return context


def test_what_is_named_is_copied_and_nothing_else(context: Path, tmp_path: Path) -> None:
    """A model, several named adapters and a store come to the path that the setting says; other models stay out."""
    app = tmp_path / "app"
    adapters = "LORA_MODEL=first=adapters/a,second=adapters/b"

    result = bake(context, app, "BASE_MODEL=models/mine", adapters, "RAG_STORE=rag_store", "EMBEDDING_MODEL=")

    files = {str(path.relative_to(app)): path.stat().st_mode & 0o777 for path in app.rglob("*") if path.is_file()}
    assert 0 == result.returncode, result.stderr
    expected = ["models/mine/file", "adapters/a/file", "adapters/b/file", "rag_store/builds/1/file"]
    assert dict.fromkeys(expected, 0o644) == files


@pytest.mark.parametrize("value", ["someone/some-model", "/runpod-volume/models/mine", "none"])
def test_what_is_found_at_run_time_is_left_to_it(context: Path, tmp_path: Path, value: str) -> None:
    """A Hub id, an absolute path and no model at all are no error, and copy nothing."""
    result = bake(context, tmp_path / "app", f"BASE_MODEL={value}")

    assert 0 == result.returncode, result.stderr
    assert not (tmp_path / "app").exists()


FILES = {"config.json": b"{}", "model.safetensors": b"weights", "sub/a.json": b"{}"}


@pytest.mark.parametrize("has_token", [True, False])
def test_a_hub_id_is_baked_where_the_build_may_download(context: Path, tmp_path: Path, has_token: bool) -> None:
    """Into the folder of its name, without what no loader reads; the token is a file that no layer has."""
    app, token = tmp_path / "app", tmp_path / "hf_token"
    if has_token:
        token.write_text("hf_secret\n", encoding="utf-8")
    others = {"pytorch_model.bin": b"pickled", "onnx/model.onnx": b"x", "README.png": b"x"}

    with ModelHub("Org/Name", FILES | others, "hf_secret") as hub:
        result = bake(
            context, app, "--download", "true", "--token", str(token), "BASE_MODEL=Org/Name", "LORA_MODEL=a=adapters/a",
            HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="1",
        )  # fmt: skip

    files = {str(path.relative_to(app)): path.read_bytes() for path in app.rglob("*") if path.is_file()}
    assert "hf_secret" not in result.stdout + result.stderr
    if has_token:
        assert 0 == result.returncode, result.stderr
        assert {f"Org/Name/{name}": content for name, content in FILES.items()} == {
            name: content for name, content in files.items() if name.startswith("Org")
        }
        assert "adapters/a/file" in files
    else:
        assert (2, {}) == (result.returncode, files)
        assert result.stderr.startswith("BASE_MODEL: Org/Name could not be downloaded")
        assert "hf_token" in result.stderr


def test_the_hub_s_token_is_a_secret_of_the_build_only() -> None:
    """No argument, variable or file of the image has it."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "--mount=type=secret,id=hf_token" in text
    assert not re.search(r"^\s*(ARG|ENV|COPY)[^#\n]*(HF_TOKEN|hf_token)", text, re.MULTILINE)


@pytest.mark.parametrize("value", ["models/missing", "missing", "../outside", "models/../../outside"])
def test_a_folder_that_is_not_there_stops_the_build(context: Path, tmp_path: Path, value: str) -> None:
    """The build fails, rather than making an image that cannot start, and names setting and folder."""
    result = bake(context, tmp_path / "app", f"BASE_MODEL={value}")

    assert 2 == result.returncode
    assert f"BASE_MODEL: {value} " in result.stderr


@pytest.mark.parametrize(("base", "baked"), [(EMBEDDED_LLM, True), ("models/mine", False), ("none", False)])
def test_the_shipped_adapter_goes_with_its_model(context: Path, tmp_path: Path, base: str, baked: bool) -> None:
    """With LORA_MODEL=auto, and into the place where a service looks for it; no other model has one."""
    for folder in (EMBEDDED_LLM, EMBEDDED_ADAPTER):
        (context / folder).mkdir(parents=True)
        (context / folder / "file").write_text("", encoding="utf-8")

    result = bake(context, tmp_path / "app", f"BASE_MODEL={base}", "LORA_MODEL=auto")

    assert 0 == result.returncode, result.stderr
    assert baked == (tmp_path / "app" / EMBEDDED_ADAPTER / "file").is_file()


def test_the_build_passes_its_arguments_on(stages: dict[str, Stage], context: Path, tmp_path: Path) -> None:
    """The Dockerfile's own command bakes what the build arguments name, from the context or the embedded models."""
    (step,) = [each.arguments for each in stages["baked"].own if each.word == "RUN"]
    mounts, script, arguments = step.partition("python /tmp/bake.py ")
    places = {"/artefacts": context, "/embedded": tmp_path / "embedded", "/app": tmp_path / "app"}
    for place, folder in places.items():
        arguments = arguments.replace(f" {place} ", f" {folder} ")
    (tmp_path / "embedded/models/embedder").mkdir(parents=True)
    (tmp_path / "embedded/models/embedder/config.json").write_text("{}", encoding="utf-8")
    values = {"BASE_MODEL": "models/mine", "EMBEDDING_MODEL": "models/embedder", "LORA_MODEL": "a=adapters/a"}

    command = f"{sys.executable} {ROOT}/tools/bake.py {arguments}"
    subprocess.run(
        ["sh", "-c", command],
        env=values | {"RAG_STORE": "", "DOWNLOAD_MODELS": "false"},
        check=True,
        capture_output=True,
    )

    files = [str(path.relative_to(tmp_path / "app")) for path in (tmp_path / "app").rglob("*") if path.is_file()]
    assert script
    assert "source=tools/bake.py,target=/tmp/bake.py" in mounts
    assert ["adapters/a/file", "models/embedder/config.json", "models/mine/file"] == sorted(files)
