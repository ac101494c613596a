"""What the cold start says when it cannot load: the setting and the remedy, in one line."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from agent.load_errors import LoadError
from agent.runtime import Runtime
from agent.settings import Settings
from agent.store.manifest import FILE_NAME, sealed
from tests.fakes.loading import build_small_store
from tests.training.small import untrained_adapter


def refused(settings: Settings) -> dict[str, Any]:
    """The log line of a load that fails; `/health` says the same."""
    runtime = Runtime(settings)
    with capture_logs() as log:
        assert not runtime.load()
    (line,) = [line for line in log if line["event"] == "load.failed"]
    error = runtime.health()["error"]
    assert (line["code"], line["reason"], line["remedy"]) == (error["code"], error["message"], error["remedy"])
    assert "\n" not in line["reason"] + line["remedy"]
    return line


@pytest.mark.parametrize(
    ("change", "setting", "remedy"),
    [
        ({"base_model": "models/a/typo"}, "BASE_MODEL", "Name a folder that is there"),
        ({"embedding_model": "models/a/typo"}, "EMBEDDING_MODEL", "Name a folder that is there"),
        ({"base_model": "Org/Name"}, "BASE_MODEL", "ALLOW_DOWNLOADS=true"),
        ({"base_model": "docs"}, "BASE_MODEL", "Copy the model again"),
        ({"embedding_model": "docs"}, "EMBEDDING_MODEL", "Copy the model again"),
        ({"reranker_model": "Org/Reranker"}, "RERANKER_MODEL", "ALLOW_DOWNLOADS=true"),
        ({"lora_model": "nowhere/at/all"}, "LORA_MODEL", "Name a folder that is there"),
        ({"default_adapter": "other"}, "DEFAULT_ADAPTER", "docs/configuration.md"),
        ({"adapter_folder": "nowhere"}, "ADAPTER_FOLDER", "docs/configuration.md"),
        ({"rag_store": Path("no/store")}, "RAG_STORE", "`make ingest DOCS=folder`"),
        ({"poison_ledger": Path("README.md/ledger")}, "POISON_LEDGER", "Name a folder that can"),
        ({"device": "cuda"}, "DEVICE", "docs/configuration.md"),
    ],
)
def test_a_setting_that_is_wrong_is_named_with_a_remedy(
    real_settings: Settings, change: dict[str, Any], setting: str, remedy: str
) -> None:
    """Before anybody has read a guide."""
    line = refused(real_settings.model_copy(update=change))
    assert setting in line["reason"]
    assert remedy in line["remedy"]


def test_an_adapter_of_another_base_is_told(real_settings: Settings, tmp_path: Path) -> None:
    """With both settings that can be at fault."""
    foreign = untrained_adapter(tmp_path / "foreign", rank=4)
    line = refused(real_settings.model_copy(update={"lora_model": f"foreign={foreign}"}))
    assert "adapter_mismatch" == line["code"]
    assert "foreign" in line["detail"]
    assert all(name in line["remedy"] for name in ("BASE_MODEL", "LORA_MODEL"))


def test_a_store_of_another_embedder_or_version_is_told(real_settings: Settings, tmp_path: Path) -> None:
    """And what builds it again."""
    store = build_small_store(tmp_path)
    settings = real_settings.model_copy(update={"rag_store": store})
    line = refused(settings)
    assert "store_mismatch" == line["code"]
    assert all(name in line["reason"] for name in ("RAG_STORE", "EMBEDDING_MODEL"))
    assert "hashing-256" in line["detail"]
    older = json.loads((store / FILE_NAME).read_text()) | {"schema_version": 1}
    del older["sha256"]
    (store / FILE_NAME).write_text(sealed(older))
    line = refused(settings)
    assert ("store_mismatch", True) == (line["code"], "another version" in line["reason"])
    assert "`make ingest DOCS=folder`" in line["remedy"]


def test_too_little_memory_is_told(real_settings: Settings) -> None:
    """The settings that take it, and not that something unforeseen happened; the next attempt may succeed."""
    line = refused(real_settings.model_copy(update={"kv_cache_mib": 10**9}))
    assert re.search(r"KV_CACHE_MIB is more than the memory that is free, \d+ MiB", line["reason"])
    assert "a larger machine" in line["remedy"]
    runtime = Runtime(real_settings)
    assert runtime.load()
    runtime.close()


def test_every_kind_has_a_remedy() -> None:
    """A sentence, and no kind has none."""
    kinds = [LoadError, *LoadError.__subclasses__()]
    assert all(kind("What is wrong.").remedy.endswith(".") for kind in kinds)
