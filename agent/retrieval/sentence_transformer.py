"""Embeddings by sentence-transformers, from a local folder."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer
from transformers.utils import logging as transformers_logging

from agent.errors import ModelInvalid
from agent.retrieval.embedder import Progress
from agent.store.vectors import Vectors

# What decides the vectors; a README or a picture beside them does not.
_WEIGHT_FILES = ("*.safetensors", "config.json", "tokenizer.json", "modules.json", "config_sentence_transformers.json")
QUESTION_TOKENS = 128


class SentenceTransformerEmbedder:
    """Loads `folder`. Prompts named "query" and "passage" (or "document") are used where the model has them.

    Raises:
        ModelInvalid: the folder does not hold a sentence-transformers model.
    """

    def __init__(self, folder: Path, *, device: str, batch: int) -> None:
        # What fails is raised, and reported by us.
        transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            self._model = SentenceTransformer(
                str(folder), device=device, local_files_only=True, trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )  # fmt: skip
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelInvalid("EMBEDDING_MODEL cannot be loaded.", detail=repr(error)) from error
        self.name = folder.name
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        self._folder = folder
        self._batch = batch
        prompts = self._model.prompts
        self._question_prompt = prompts.get("query") or ""
        self._passage_prompt = prompts.get("passage") or prompts.get("document") or ""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the files that decide the vectors."""
        digest = hashlib.sha256()
        for path in sorted({path for pattern in _WEIGHT_FILES for path in self._folder.rglob(pattern)}):
            digest.update(path.relative_to(self._folder).as_posix().encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def embed_question(self, text: str) -> Vectors:
        """One vector, shape (dimension,)."""
        vector: Vectors = self._encode([self._question_prompt + text])[0]
        return vector

    def embed_passages(self, texts: Sequence[str], progress: Progress = lambda _done: None) -> Vectors:
        """One vector a passage, shape (len(texts), dimension). Batches hold texts of like length, to pad little."""
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        rows: dict[int, Vectors] = {}
        for at in range(0, len(order), self._batch):
            places = order[at : at + self._batch]
            vectors = self._encode([self._passage_prompt + texts[place] for place in places])
            rows.update(zip(places, vectors, strict=True))
            progress(len(places))
        return np.asarray([rows[place] for place in range(len(texts))], dtype=np.float32)

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Length of each text in tokens, without special tokens."""
        if not texts:
            return []
        encoded = self._model.tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def _encode(self, texts: list[str]) -> Vectors:
        vectors: Vectors = self._model.encode(
            texts, batch_size=self._batch, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
        )
        return vectors
