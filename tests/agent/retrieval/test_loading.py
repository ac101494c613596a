"""Which embedder is loaded."""

from pathlib import Path

import pytest

from agent.load_errors import ModelNotFound
from agent.model_source import locate
from agent.retrieval.loading import load_embedder
from agent.settings import FALLBACK_EMBEDDER, Settings
from tests.conftest import ROOT


def test_minilm_embeds_where_the_default_model_has_no_wheel(
    real_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only for the default setting: a model that was named and is missing is an error."""
    (tmp_path / "models").mkdir()
    (tmp_path / FALLBACK_EMBEDDER).symlink_to(ROOT / FALLBACK_EMBEDDER)
    monkeypatch.chdir(tmp_path)
    assert "all-MiniLM-L6-v2" == load_embedder(Settings()).name
    with pytest.raises(ModelNotFound, match="EMBEDDING_MODEL"):
        load_embedder(Settings(embedding_model="models/typo"))


def test_a_cached_model_of_the_platform_is_found_without_a_hub(tmp_path: Path) -> None:
    """A Hub id means the snapshot that refs/main names."""
    model = tmp_path / "models--Org--Name"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text("abc\n")
    (model / "snapshots" / "abc").mkdir(parents=True)
    (model / "snapshots" / "old").mkdir()
    assert model / "snapshots" / "abc" == locate("Org/Name", "BASE_MODEL", Settings(), platform_cache=tmp_path)
