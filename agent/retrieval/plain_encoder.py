"""The usual kind of embedding model: an encoder, the mean of its tokens or the first of them, and normalisation.

What sentence-transformers computes for it, with transformers and tokenizers alone: importing that library takes a
second, and building its tokenizer reads a vocabulary of 17 MB a second time.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from transformers import AutoModel

from agent.building import BUILDING
from agent.packed import pack
from agent.retrieval.encoder import read_json
from agent.store.vectors import Vectors

# Encoders that read a batch padded on the right, and need nothing but ids and a mask.
_KINDS = frozenset(("bert", "distilbert", "mpnet", "roberta", "xlm-roberta"))
_MEAN, _CLS = "pooling_mode_mean_tokens", "pooling_mode_cls_token"
_LEAST = 1e-9


def is_plain(folder: Path) -> bool:
    """Whether `PlainEncoder` computes what sentence-transformers would.

    Raises:
        OSError, ValueError: a file of the folder cannot be read.
    """
    listed = folder / "modules.json"
    if not listed.is_file() or not (folder / "tokenizer.json").is_file():
        return False
    modules = json.loads(listed.read_text(encoding="utf-8"))
    kinds = [str(module["type"]).rsplit(".", 1)[-1] for module in modules]
    sentence = read_json(folder / "sentence_bert_config.json")
    return (
        kinds in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
        and modules[0]["path"] == ""
        and read_json(folder / "config.json").get("model_type") in _KINDS
        and _pooling(folder, modules) in ({_MEAN}, {_CLS})
        and set(sentence) <= {"max_seq_length", "do_lower_case"}
        and not sentence.get("do_lower_case")
        and read_json(folder / "tokenizer_config.json").get("padding_side", "right") == "right"
    )


def _pooling(folder: Path, modules: Sequence[dict[str, Any]]) -> set[str]:
    config = read_json(folder / modules[1]["path"] / "config.json")
    return {name for name, value in config.items() if name.startswith("pooling_mode") and value}


class PlainEncoder:
    """Loads a folder for which `is_plain` says so. Safe from several threads.

    Raises:
        OSError, ValueError, KeyError, RuntimeError: the folder does not hold such a model.
    """

    def __init__(self, folder: Path, device: str) -> None:
        with BUILDING:
            model: Any = AutoModel.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, use_safetensors=True
            )  # fmt: skip
        self._model = model.eval().to(device)
        if device == "cpu":
            pack(self._model)
        self._device = device
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        self._takes_mean = _pooling(folder, modules) == {_MEAN}
        self._tokenizer = _tokenizer(folder)
        known = read_json(folder / "sentence_bert_config.json").get("max_seq_length")
        self._most_tokens = int(known or model.config.max_position_embeddings)
        self._tokenizer.enable_truncation(self._most_tokens)
        self._padding = int(model.config.pad_token_id or 0)
        self.dimension = int(model.config.hidden_size)
        self.prompts = read_json(folder / "config_sentence_transformers.json").get("prompts") or {}
        # The tokenizer keeps its truncation as state.
        self._lock = Lock()

    def encode(self, texts: Sequence[str], batch: int) -> Vectors:
        """As `Encoder.encode`."""
        with self._lock:
            ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        # Batches of texts of like length pad little.
        order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
        vectors = np.empty((len(ids), self.dimension), dtype=np.float32)
        for at in range(0, len(order), batch):
            places = order[at : at + batch]
            vectors[places] = self._encode([ids[place] for place in places])
        return vectors

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """As `Encoder.token_counts`."""
        with self._lock:
            self._tokenizer.no_truncation()
            try:
                encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
            finally:
                self._tokenizer.enable_truncation(self._most_tokens)
        return [len(encoding.ids) for encoding in encodings]

    @torch.inference_mode()
    def _encode(self, ids: Sequence[Sequence[int]]) -> Vectors:
        longest = max(map(len, ids))
        padded = torch.tensor([[*row, *[self._padding] * (longest - len(row))] for row in ids])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids])
        states: Tensor = self._model(
            input_ids=padded.to(self._device), attention_mask=mask.to(self._device)
        ).last_hidden_state
        pooled = _mean(states, mask.to(states)) if self._takes_mean else states[:, 0]
        vectors: Vectors = functional.normalize(pooled.float(), dim=1).cpu().numpy()
        return vectors


def _mean(states: Tensor, mask: Tensor) -> Tensor:
    weights = mask.unsqueeze(-1)
    return (states * weights).sum(1) / weights.sum(1).clamp(min=_LEAST)


def _tokenizer(folder: Path) -> Tokenizer:
    try:
        tokenizer: Tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the library raises nothing narrower
        raise ValueError(f"tokenizer.json cannot be read: {error}") from error
    tokenizer.no_padding()
    return tokenizer
