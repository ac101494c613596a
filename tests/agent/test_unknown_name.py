"""Which names are told as no settings, and which are left to others."""

from pathlib import Path

import pytest

from agent.settings import Settings
from agent.unknown_name import unknown_names
from local_server.platform.settings import PlatformSettings
from tests.conftest import ROOT, SETTING_NAMES


@pytest.fixture
def env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The `.env` of both classes."""
    file = tmp_path / ".env"
    for settings in (Settings, PlatformSettings):
        monkeypatch.setitem(settings.model_config, "env_file", str(file))
    return file


def told() -> list[str]:
    return [str(unknown) for unknown in unknown_names(Settings, PlatformSettings)]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("API_KEY", "API_KEYS"),
        ("APIKEY", "API_KEYS"),
        ("LORA_MODELS", "LORA_MODEL"),
        ("BASEMODEL", "BASE_MODEL"),
        ("basemodel", "BASE_MODEL"),
        ("HF_TOKN", "HF_TOKEN"),
        ("TORCH_THREAD", "TORCH_THREADS"),
        ("REQUEST_TIMEOUT", "REQUEST_TIMEOUT_S"),
        ("PLATFORM_MAX_WORKER", "PLATFORM_MAX_WORKERS"),
    ],
)
def test_a_near_miss_is_told_wherever_it_stands(
    env_file: Path, monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    """Once, as it is written; `.env` is named where both have it."""
    monkeypatch.setenv(name, "")
    assert [f"{name} in the environment is no setting; did you mean {meant}?"] == told()
    env_file.write_text(f"{name}=\n", encoding="utf-8")
    assert [f"{name} in .env is no setting; did you mean {meant}?"] == told()


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("EMBED_MODEL", "; did you mean EMBEDDING_MODEL?"),
        ("DB_HOST", "."),
        ("LLAMA_PATH", "."),
        ("debug", "."),
    ],
)
def test_what_is_not_near_is_told_of_the_file_alone(
    env_file: Path, monkeypatch: pytest.MonkeyPatch, name: str, question: str
) -> None:
    """The environment is full of what is not ours."""
    monkeypatch.setenv(name, "x")
    assert [] == told()
    env_file.write_text(f"{name}=x\n", encoding="utf-8")
    assert [f"{name} in .env is no setting{question}"] == told()


def test_the_prefix_of_the_platform_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever comes behind it, for whoever knows the platform's settings."""
    monkeypatch.setenv("PLATFORM_COLOUR", "red")
    assert ["PLATFORM_COLOUR in the environment is no setting."] == told()
    assert [] == unknown_names(Settings)


@pytest.mark.parametrize(
    "name",
    ["HF_HOME", "HF_HUB_OFFLINE", "RUNPOD_API_KEY", "OTEL_SERVICE_NAME", "PYTHONUNBUFFERED", "OMP_NUM_THREADS",
     "CUDA_VISIBLE_DEVICES", "TRANSFORMERS_OFFLINE", "COMPOSE_PROJECT_NAME", "https_proxy", "ASKPOD_API_KEY"],
)  # fmt: skip
def test_names_of_others_may_stand_in_the_file(env_file: Path, name: str) -> None:
    """Libraries, the platform, docker compose and the example's client read it, too."""
    env_file.write_text(f"{name}=x\n", encoding="utf-8")
    assert [] == told()


def test_every_setting_is_known(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In upper and in lower case."""
    env_file.write_text((ROOT / ".env.example").read_text(encoding="utf-8"), encoding="utf-8")
    for name in SETTING_NAMES:
        monkeypatch.setenv(name.lower(), "")
    assert [] == told()


def test_a_secret_that_lost_its_quotes_is_not_repeated(env_file: Path) -> None:
    """Its lines read like names, with and without a value."""
    lines = ("-----BEGIN KEY-----", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7", "deadbeef00", "kqXb0Zw==")
    env_file.write_text("\n".join(("KEY_PEM=", *lines)), encoding="utf-8")
    assert ["KEY_PEM in .env is no setting."] == told()


def test_no_file_is_nothing(env_file: Path) -> None:
    """Also when there is a folder in its place."""
    assert [] == told()
    env_file.mkdir()
    assert [] == told()
