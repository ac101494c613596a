"""Adapters that come and go while the model runs."""

import shutil
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from agent.engine.lora import LoraLinear
from agent.engine.shelf import Shelf
from agent.errors import Overloaded, UnknownAdapter
from tests.agent.engine.tiny import ADAPTERS, adapter_folder, tiny_model


def at_once(command: Callable[[], None]) -> "Future[None]":
    """No step runs here, so there is nothing to wait for."""
    done: Future[None] = Future()
    try:
        command()
    except Exception as error:
        done.set_exception(error)
    else:
        done.set_result(None)
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three adapters, to be asked for by name."""
    for name in ADAPTERS:
        shutil.copytree(adapter_folder(name), tmp_path / name)
    return tmp_path


def make(folder: Path, most: int = 2) -> Shelf:
    return Shelf(tiny_model(), {"tiny"}, {}, folder, most)


def test_an_adapter_that_is_put_into_the_folder_can_be_asked_for(folder: Path) -> None:
    """Without a restart; one that is not there cannot, whatever its name looks like."""
    shelf = make(folder)
    shutil.copytree(folder / "a", folder / "new")
    assert ("a", "b", "c", "new") == shelf.names
    assert shelf.hold("new", at_once)
    for stranger in ("d", "..", "../a", "a/../b", ""):
        with pytest.raises(UnknownAdapter):
            shelf.hold(stranger, at_once)


def test_the_longest_unused_adapter_leaves_for_another(folder: Path) -> None:
    """And comes back when it is asked for, as another entry of the cache."""
    shelf = make(folder)
    first = shelf.hold("a", at_once)
    for name in ("a", "b", "a"):
        shelf.hold(name, at_once)
        shelf.let_go(name)
    shelf.let_go("a")
    shelf.hold("c", at_once)
    assert shelf.hold_now("b") is None
    assert first == shelf.hold_now("a")
    shelf.let_go("a")
    shelf.hold("b", at_once)
    assert shelf.hold_now("a") is None
    shelf.let_go("b")
    assert first != shelf.hold("a", at_once)


def test_an_adapter_in_use_never_leaves(folder: Path) -> None:
    """Where all are in use, another one is refused for now."""
    shelf = make(folder)
    shelf.hold("a", at_once)
    shelf.hold("b", at_once)
    with pytest.raises(Overloaded):
        shelf.hold("c", at_once)
    shelf.let_go("b")
    assert shelf.hold("c", at_once)
    assert shelf.hold_now("a")


def test_an_adapter_that_does_not_fit_is_unknown(folder: Path) -> None:
    """And those in memory stay there."""
    shelf = make(folder, most=1)
    shelf.hold("a", at_once)
    shelf.let_go("a")
    (folder / "b" / "adapter_config.json").write_text("{}")
    with pytest.raises(UnknownAdapter):
        shelf.hold("b", at_once)
    assert shelf.hold_now("a")


def test_an_adapter_that_left_has_no_weights_in_memory(folder: Path) -> None:
    """Nothing of it is kept, however many there have been."""
    model = tiny_model()
    shelf = Shelf(model, {"tiny"}, {}, folder, 1)
    for name in ("a", "b", "c", "a"):
        shelf.hold(name, at_once)
        shelf.let_go(name)
    kept = {name for module in model.modules() if isinstance(module, LoraLinear) for name in module.adapters}
    assert {"a"} == kept


def test_an_adapter_that_breaks_off_half_way_leaves_nothing_behind(folder: Path) -> None:
    """One half of a pair is missing in its last layer."""
    model = tiny_model()
    shelf = Shelf(model, {"tiny"}, {}, folder, 1)
    weights = load_file(folder / "a" / "adapter_model.safetensors")
    weights.pop(max(key for key in weights if "lora_B" in key))
    save_file(weights, folder / "a" / "adapter_model.safetensors")
    with pytest.raises(UnknownAdapter):
        shelf.hold("a", at_once)
    assert not {name for module in model.modules() if isinstance(module, LoraLinear) for name in module.adapters}


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_an_adapter_with_weights_that_are_no_numbers_is_refused(folder: Path, broken: float) -> None:
    """They would spoil the rows of others that share a step with it."""
    weights = load_file(folder / "a" / "adapter_model.safetensors")
    weights[min(weights)][0, 0] = broken
    save_file(weights, folder / "a" / "adapter_model.safetensors")
    with pytest.raises(UnknownAdapter):
        make(folder).hold("a", at_once)


def test_an_adapter_of_the_output_layer_is_refused(tmp_path: Path) -> None:
    """There the rows of a step are not where they are in the other layers."""
    config = LoraConfig(r=2, target_modules=["lm_head", "q_proj"], init_lora_weights=False)
    get_peft_model(tiny_model(), config).save_pretrained(str(tmp_path / "head"), save_embedding_layers=False)
    with pytest.raises(UnknownAdapter) as refused:
        make(tmp_path).hold("head", at_once)
    assert "output layer" in str(refused.value.detail)
