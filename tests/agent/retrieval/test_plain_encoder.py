"""What is computed without sentence-transformers is what it computes."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.retrieval.library_encoder import LibraryEncoder
from agent.retrieval.plain_encoder import PlainEncoder, is_plain
from agent.settings import EMBEDDED_EMBEDDER, FALLBACK_EMBEDDER
from tests.conftest import ROOT

MODELS = (EMBEDDED_EMBEDDER, FALLBACK_EMBEDDER)
TEXTS = (
    "query: Which port does the HTTP server listen on?",
    "¿En qué puerto escucha el servidor HTTP?",
    "",
    " ",
    "one",
    "word " * 2000,
    "Zeichen: äöü ñ 你好 \U0001f600 \x00 <s> </s> [CLS]",
    "\n\n# A heading\n\n| a | table |\n",
)


@pytest.fixture(params=MODELS)
def folder(request: pytest.FixtureRequest, real_models: Path) -> Path:
    """An embedded model, where it was prepared."""
    found = ROOT / str(request.param)
    if not found.is_dir():
        pytest.skip("no wheel of this model for this machine")
    return found


def variant(folder: Path, target: Path, name: str, change: dict[str, Any]) -> Path:
    """The model with one file changed."""
    shutil.copytree(folder, target, symlinks=True, ignore=shutil.ignore_patterns("*.safetensors"))
    (target / "model.safetensors").symlink_to(folder / "model.safetensors")
    content = json.loads((target / name).read_text()) | change
    (target / name).write_text(json.dumps(content))
    return target


@pytest.mark.parametrize("pools", ["as it is", "cls"])
def test_the_vectors_are_those_of_sentence_transformers(folder: Path, tmp_path: Path, pools: str) -> None:
    """Of texts of any length and script, however they are batched, and the tokens are as many."""
    if pools == "cls":
        change = {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}
        folder = variant(folder, tmp_path / "cls", "1_Pooling/config.json", change)
    assert is_plain(folder)
    plain, library = PlainEncoder(folder, "cpu"), LibraryEncoder(folder, "cpu")
    expected = library.encode(TEXTS, 3)
    for batch in (1, 3, 16):
        np.testing.assert_allclose(plain.encode(TEXTS, batch), expected, atol=2e-6)
    assert library.token_counts(TEXTS) == plain.token_counts(TEXTS)
    # Counting has left the truncation as it was.
    np.testing.assert_allclose(plain.encode(TEXTS, 16), expected, atol=2e-6)
    assert (library.dimension, library.prompts) == (
        plain.dimension,
        dict(plain.prompts),
    )


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("1_Pooling/config.json", {"pooling_mode_mean_tokens": False, "pooling_mode_max_tokens": True}),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": True}),
        ("sentence_bert_config.json", {"do_lower_case": True}),
        ("sentence_bert_config.json", {"model_args": {}}),
        ("config.json", {"model_type": "qwen3"}),
        ("tokenizer_config.json", {"padding_side": "left"}),
    ],
)
def test_what_is_unusual_is_left_to_sentence_transformers(
    folder: Path, tmp_path: Path, name: str, change: dict[str, Any]
) -> None:
    """Another pooling, another kind of model, or a setting that is not known here."""
    assert not is_plain(variant(folder, tmp_path / "unusual", name, change))


def test_other_modules_are_left_to_sentence_transformers(folder: Path, tmp_path: Path) -> None:
    """A dense layer, or none at all."""
    for change in ([], [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]):
        target = variant(folder, tmp_path / str(len(change)), "config.json", {})
        (target / "modules.json").write_text(json.dumps(change))
        assert not is_plain(target)
    (target / "modules.json").unlink()
    assert not is_plain(target)


def test_models_that_are_built_at_once_do_not_spoil_each_other(folder: Path) -> None:
    """transformers makes tensors without data for all threads while it builds one."""
    expected = PlainEncoder(folder, "cpu").encode(TEXTS, 16)
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: PlainEncoder(folder, "cpu"), range(4)))
    for encoder in made:
        np.testing.assert_allclose(encoder.encode(TEXTS, 16), expected, atol=1e-6)
