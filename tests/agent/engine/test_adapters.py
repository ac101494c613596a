"""Which adapters there are, which is the default, and which are refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from agent.engine.adapters import CONFIG, check_fits, fingerprint
from agent.engine.provenance import FILE_NAME, Provenance
from agent.language_model import adapter_folders, default_adapter
from agent.load_errors import AdapterMismatch, ConfigurationError
from agent.settings import EMBEDDED_ADAPTER, EMBEDDED_ADAPTER_NAME, Settings
from tests.conftest import ROOT
from tests.training.small import small_base, untrained_adapter


@pytest.fixture
def base() -> nn.Module:
    """A model of a few thousand weights."""
    return small_base()


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """An adapter of rank 4 for it, without provenance."""
    return untrained_adapter(tmp_path / "adapter", rank=4)


def provenance(base: nn.Module) -> Provenance:
    return Provenance("small", fingerprint(base), "p", "d", 0, "2026-11-24", {}, {}, {"bias": 0.5}, None)


def test_the_shipped_adapter_goes_with_the_embedded_model_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LORA_MODEL=auto; another base, or an empty setting, has none."""
    monkeypatch.chdir(ROOT)
    assert {EMBEDDED_ADAPTER_NAME: ROOT / EMBEDDED_ADAPTER} == adapter_folders(Settings())
    assert {} == adapter_folders(Settings(base_model="someone/else"))
    assert {} == adapter_folders(Settings(lora_model=""))


def test_several_adapters_have_names(tmp_path: Path) -> None:
    """The given one, or the last part of the path, in the setting's order."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    folders = adapter_folders(Settings(lora_model=f"ask={tmp_path / 'b'}, {tmp_path / 'a'}"))
    assert [("ask", tmp_path / "b"), ("a", tmp_path / "a")] == list(folders.items())


@pytest.mark.parametrize(
    ("wanted", "found"), [("", "first"), ("second", "second"), ("none", None)], ids=["left out", "named", "none"]
)
def test_the_default_adapter_is_a_setting(wanted: str, found: str | None) -> None:
    """The first one unless another is named; none is the base model."""
    assert found == default_adapter(Settings(default_adapter=wanted), ("first", "second"))


def test_a_default_adapter_that_is_not_loaded_is_refused() -> None:
    """Rather than found out by the first caller."""
    with pytest.raises(ConfigurationError, match="DEFAULT_ADAPTER"):
        default_adapter(Settings(default_adapter="third"), ("first", "second"))
    assert default_adapter(Settings(), ()) is None


def test_an_adapter_with_the_right_provenance_fits(base: nn.Module, adapter: Path) -> None:
    """And what it was made from comes back as it was written; without one there is nothing to tell."""
    assert check_fits(adapter, base, set(), fingerprint(base)) is None
    provenance(base).write(adapter)
    assert provenance(base) == check_fits(adapter, base, set(), fingerprint(base))


def change_rank(folder: Path) -> None:
    config = folder / "adapter_config.json"
    config.write_text(config.read_text().replace('"r": 4', '"r": 8'))


def train_base_further(folder: Path) -> None:
    base = small_base()
    with torch.no_grad():
        next(weight for weight in base.parameters() if weight.dim() == 1).add_(0.5)
    provenance(base).write(folder)


def spoil(folder: Path) -> None:
    (folder / FILE_NAME).write_text('{"base": 3}')


@pytest.mark.parametrize(
    ("damage", "message"),
    [(change_rank, "another rank"), (train_base_further, "other weights"), (spoil, FILE_NAME)],
    ids=["another rank", "other weights", "no provenance"],
)
def test_an_adapter_that_does_not_fit_is_refused(
    base: nn.Module, adapter: Path, damage: Callable[[Path], None], message: str
) -> None:
    """Before any of its weights is used."""
    damage(adapter)
    with pytest.raises(AdapterMismatch, match=message):
        check_fits(adapter, base, set(), fingerprint(base))


def test_a_fingerprint_outlives_another_dtype() -> None:
    """And tells any other model."""
    assert fingerprint(small_base().bfloat16()) == fingerprint(small_base().bfloat16().float())
    assert fingerprint(small_base(seed=1)) != fingerprint(small_base())


@pytest.mark.parametrize("change", [{"use_dora": True}, {"modules_to_save": ["lm_head"]}, {"bias": "all"}])
def test_an_adapter_that_adds_more_than_lora_is_refused(
    base: nn.Module, adapter: Path, change: dict[str, object]
) -> None:
    """What it adds besides would be left out unseen."""
    config = json.loads((adapter / CONFIG).read_text())
    (adapter / CONFIG).write_text(json.dumps(config | change))
    with pytest.raises(AdapterMismatch):
        check_fits(adapter, base, {"small"}, fingerprint(base))
