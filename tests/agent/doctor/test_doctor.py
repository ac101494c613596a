"""What the doctor finds, and what it says to do about it."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.doctor.checks import CHECKS
from agent.doctor.finding import Finding, Level
from agent.doctor.machine import Machine
from agent.settings import Settings
from agent.store.manifest import FILE_NAME, read_manifest, sealed
from tests import forkserver
from tests.conftest import ROOT, environment
from tests.fakes.loading import build_small_store
from tests.training.small import untrained_adapter

GIB = 1024**3
LARGE = Machine(2, 64 * GIB, None, 0, lambda _path: 500 * GIB, has_bfloat16=True)


def examine(settings: Settings, machine: Machine = LARGE) -> list[Finding]:
    return [finding for check in CHECKS for finding in check(settings, machine)]


def wrong(settings: Settings, machine: Machine = LARGE) -> list[tuple[str, str]]:
    found = [finding for finding in examine(settings, machine) if finding.level in (Level.WARNING, Level.ERROR)]
    assert all(finding.remedy for finding in found)
    return [(finding.subject, finding.text) for finding in found]


@pytest.fixture
def good(real_settings: Settings) -> Settings:
    """The shipped settings, with a key."""
    changes = {"auth_disabled": False, "api_keys": ("secret",), "lora_model": "adapters/smollm2-ask"}
    return real_settings.model_copy(update=changes)


def test_what_is_shipped_is_well(good: Settings) -> None:
    """Every part is named, and nothing is wrong; what is not in use is skipped."""
    assert [] == wrong(good)
    found = examine(good)
    assert [
        "names",
        "DEVICE",
        "ENGINE",
        "BASE_MODEL",
        "memory",
        "LORA_MODEL",
        "EMBEDDING_MODEL",
        "RAG_STORE",
        "API_KEYS",
    ] == [finding.subject for finding in found if finding.level is Level.OK]
    assert ["RERANKER_MODEL", "POISON_LEDGER", "ADAPTER_FOLDER", "ALLOW_DOWNLOADS"] == [
        finding.subject for finding in found if finding.level is Level.SKIPPED
    ]


@pytest.mark.parametrize(
    ("change", "subject", "reason"),
    [
        ({"base_model": "none"}, "LORA_MODEL", "BASE_MODEL is none."),
        ({"base_model": "none"}, "memory", "BASE_MODEL is none."),
        ({"base_model": "models/typo"}, "LORA_MODEL", "It depends on BASE_MODEL, which could not be looked at."),
        ({"base_model": "docs"}, "LORA_MODEL", "It depends on BASE_MODEL, which could not be looked at."),
        ({"base_model": "docs"}, "memory", "It depends on BASE_MODEL, which could not be looked at."),
        ({"lora_model": ""}, "LORA_MODEL", "None is set."),
        ({"embedding_model": "models/typo"}, "RAG_STORE", "Whether it fits EMBEDDING_MODEL, which has an error."),
        ({"embedding_model": "docs"}, "RAG_STORE", "Whether it fits EMBEDDING_MODEL, which has an error."),
    ],
)
def test_what_could_not_be_looked_at_is_told_with_the_reason(
    good: Settings, change: dict[str, Any], subject: str, reason: str
) -> None:
    """As skipped, behind the error that it depends on; the rest is looked at all the same."""
    found = examine(good.model_copy(update=change))
    assert (Level.SKIPPED, subject, reason, "") in [
        (finding.level, finding.subject, finding.text, finding.remedy) for finding in found
    ]
    assert {"DEVICE", "EMBEDDING_MODEL", "RAG_STORE", "API_KEYS"} <= {finding.subject for finding in found}


def test_what_is_in_use_and_well_is_told(good: Settings, tmp_path: Path) -> None:
    """Whatever is skipped otherwise."""
    keys = tmp_path / "keys.json"
    keys.touch()
    changes = {"poison_ledger": tmp_path / "ledger", "adapter_folder": "adapters", "allow_downloads": True}
    found = examine(good.model_copy(update=changes | {"keys_file": keys}))
    assert ["POISON_LEDGER", "ADAPTER_FOLDER", "ALLOW_DOWNLOADS", "KEYS_FILE"] == [
        finding.subject for finding in found if finding.level is Level.OK
    ][-4:]


@pytest.mark.parametrize(
    ("change", "subject", "says"),
    [
        ({"base_model": "models/typo"}, "BASE_MODEL", "It is no folder and in no cache"),
        ({"base_model": "models/typo/deep", "allow_downloads": True}, "BASE_MODEL", "There is no such folder"),
        ({"base_model": "Org/Name"}, "BASE_MODEL", "ALLOW_DOWNLOADS is false"),
        ({"base_model": "docs"}, "BASE_MODEL", "docs has no config.json, tokenizer.json, *.safetensors"),
        ({"lora_model": "nowhere"}, "LORA_MODEL", "was not found"),
        ({"lora_model": "a b=adapters"}, "LORA_MODEL", "not valid"),
        ({"default_adapter": "other"}, "DEFAULT_ADAPTER", "not among the adapters"),
        ({"embedding_model": "models/typo"}, "EMBEDDING_MODEL", "was not found"),
        ({"embedding_model": "docs"}, "EMBEDDING_MODEL", "no sentence-transformers model"),
        ({"reranker_model": "Org/Reranker"}, "RERANKER_MODEL", "ALLOW_DOWNLOADS is false"),
        ({"rag_store": Path("no/store")}, "RAG_STORE", "There is no store"),
        ({"adapter_folder": "nowhere"}, "ADAPTER_FOLDER", "is no folder"),
        ({"poison_ledger": Path("README.md/ledger")}, "POISON_LEDGER", "cannot be written to"),
        ({"device": "cuda"}, "DEVICE", "no CUDA device"),
        ({"engine": "vllm"}, "ENGINE", "not installed"),
        ({"tensor_parallel": 2}, "TENSOR_PARALLEL", "Only vLLM"),
        ({"reranker_model": "docs"}, "RERANKER_MODEL", "docs has no config.json"),
        ({"api_keys": ()}, "API_KEYS", "does not start without a key"),
        ({"api_keys": (), "keys_file": Path("no.json")}, "KEYS_FILE", "is not there"),
        ({"auth_disabled": True}, "AUTH_DISABLED", "Anybody may ask"),
    ],
)
def test_a_setting_that_is_wrong_is_named_with_a_remedy(
    good: Settings, change: dict[str, Any], subject: str, says: str
) -> None:
    """That one and no other; everything else is looked at all the same."""
    found = wrong(good.model_copy(update=change))
    assert [subject] == [name for name, _ in found]
    assert says in found[0][1]


def test_nothing_is_downloaded_to_look_at_it(good: Settings) -> None:
    """What the start would download is told as skipped: there may be no room for it."""
    away = {"allow_downloads": True, "base_model": "Org/Base", "lora_model": "Org/Adapter", "reranker_model": "Org/R"}
    found = {finding.subject: finding for finding in examine(good.model_copy(update=away | {"embedding_model": "O/E"}))}
    for subject, name in (
        ("BASE_MODEL", "Org/Base"), ("LORA_MODEL", "Org/Adapter"), ("RERANKER_MODEL", "Org/R"),
        ("EMBEDDING_MODEL", "O/E"),
    ):  # fmt: skip
        assert (Level.SKIPPED, f"{name} is not here yet: the start downloads it.") == (
            found[subject].level,
            found[subject].text,
        )


def test_a_misspelt_setting_is_told(good: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In `.env` and in the environment; it keeps nothing from answering."""
    file = tmp_path / ".env"
    file.write_text("RAG_STOR=mine\n", encoding="utf-8")
    monkeypatch.setitem(Settings.model_config, "env_file", str(file))
    monkeypatch.setenv("API_KEY", "sesame")
    assert [
        ("API_KEY", "API_KEY in the environment is no setting; did you mean API_KEYS?"),
        ("RAG_STOR", "RAG_STOR in .env is no setting; did you mean RAG_STORE?"),
    ] == wrong(good)
    assert Level.ERROR not in {finding.level for finding in examine(good)}


def test_an_adapter_of_another_base_is_told(good: Settings, tmp_path: Path) -> None:
    """By its shapes, by the name that it declares, and by the weights that it was trained on."""
    shipped, foreign = ROOT / "adapters/smollm2-ask", untrained_adapter(tmp_path / "foreign", rank=4)
    renamed, retrained = tmp_path / "renamed", tmp_path / "retrained"
    for target, name, change in (
        (renamed, "adapter_config.json", {"base_model_name_or_path": "Org/Another-7B"}),
        (retrained, "provenance.json", {"base_fingerprint": "0" * 64}),
    ):
        shutil.copytree(shipped, target)
        (target / name).write_text(json.dumps(json.loads((target / name).read_text()) | change))
    named = ",".join(f"{folder.name}={folder}" for folder in (shipped, foreign, renamed, retrained))
    found = wrong(good.model_copy(update={"lora_model": named}))
    assert [("LORA_MODEL", name) for name in ("foreign", "renamed", "retrained")] == [
        (subject, text.split(":")[0]) for subject, text in found
    ]


def test_a_store_of_another_embedder_or_version_is_told(good: Settings, tmp_path: Path) -> None:
    """And one with another byte."""
    store = build_small_store(tmp_path)
    settings = good.model_copy(update={"rag_store": store})
    ((subject, text),) = wrong(settings)
    assert ("RAG_STORE", True) == (subject, "built with another embedding model, hashing-256" in text)
    build = store / "builds" / read_manifest(store).build
    (build / "index.faiss").write_bytes((build / "index.faiss").read_bytes() + b"x")
    assert ["RAG_STORE"] == [subject for subject, _ in wrong(settings)]
    older = json.loads((store / FILE_NAME).read_text()) | {"schema_version": 1}
    del older["sha256"]
    (store / FILE_NAME).write_text(sealed(older))
    ((subject, text),) = wrong(settings)
    assert "another version" in text


@pytest.mark.parametrize(
    ("machine", "subject"),
    [
        (replace(LARGE, memory_bytes=1 * GIB), "BASE_MODEL"),
        (replace(LARGE, memory_bytes=17 * GIB // 10), "memory"),
        (replace(LARGE, memory_bytes=17 * GIB // 10, has_bfloat16=False), "BASE_MODEL"),
        (replace(LARGE, gpu="A tiny GPU", gpu_bytes=GIB // 8), "BASE_MODEL"),
        (replace(LARGE, gpu="A small GPU", gpu_bytes=1 * GIB), "memory"),
        (replace(LARGE, gpu="A large GPU", gpu_bytes=24 * GIB), None),
    ],
)
def test_too_little_memory_is_told(good: Settings, machine: Machine, subject: str | None) -> None:
    """Of the GPU where there is one; only a warning where a smaller KV cache leaves room."""
    assert ([subject] if subject else []) == [name for name, _ in wrong(good, machine)]


def test_a_cache_that_does_not_fit_is_told(good: Settings) -> None:
    """As what it is: the model alone would fit."""
    settings = good.model_copy(update={"kv_cache_mib": 100_000})
    assert ["KV_CACHE_MIB"] == [name for name, _ in wrong(settings)]


def test_too_little_disk_is_told_where_models_are_downloaded(good: Settings) -> None:
    """It is a warning: a small model has room."""
    settings = good.model_copy(update={"allow_downloads": True})
    assert [] == wrong(settings)
    machine = replace(LARGE, disk_bytes=lambda _path: 5 * GIB)
    assert ["ALLOW_DOWNLOADS"] == [name for name, _ in wrong(settings, machine)]


def test_the_command_says_it_all_and_its_exit_status_what_is_wrong(real_settings: Settings) -> None:
    """0 when it would answer, 1 when not, 2 when a setting is not valid."""

    def run(**changes: object) -> subprocess.CompletedProcess[str]:
        env = environment(rag_store=real_settings.rag_store, **changes)
        command = [sys.executable, "-m", "agent.doctor"]
        return forkserver.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    well, ill, invalid = run(), run(base_model="models/typo"), run(top_k="many")
    assert [0, 1, 2] == [well.returncode, ill.returncode, invalid.returncode]
    assert "every hash is right" in well.stdout
    lines = well.stdout.splitlines()
    assert any(line.startswith("skipped  RERANKER_MODEL") for line in lines)
    assert {level.value for level in Level} >= {line.split()[0] for line in lines}
    assert "BASE_MODEL" in ill.stdout
    assert "error" in ill.stdout
    assert invalid.stderr.startswith("TOP_K: ")


def test_this_machine_has_something() -> None:
    """Also where a folder does not exist yet."""
    machine = Machine.here()
    assert machine.memory_bytes > 0 < machine.disk_bytes(ROOT / "not" / "yet")
    assert (machine.gpu is None) == (machine.gpu_bytes == 0)
