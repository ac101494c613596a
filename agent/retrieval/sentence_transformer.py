"""Embeddings by sentence-transformers, from a local folder."""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer
from transformers.utils import logging as transformers_logging

from agent.errors import ModelInvalid
from agent.retrieval.embedder import PassageText, PassageVectors
from agent.store.vectors import Vectors

# What decides the vectors; a README or a picture beside them does not.
_WEIGHT_FILES = ("*.safetensors", "config.json", "tokenizer.json", "modules.json", "config_sentence_transformers.json")


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
        self._lock = threading.Lock()
        prompts = self._model.prompts
        self._question_prompt = prompts.get("query") or ""
        self._passage_prompt = prompts.get("passage") or prompts.get("document") or ""

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the files that decide the vectors."""
        digest = hashlib.sha256()
        for path in sorted({path for pattern in _WEIGHT_FILES for path in self._folder.rglob(pattern)}):
            digest.update(path.relative_to(self._folder).as_posix().encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def embed_questions(self, texts: Sequence[str]) -> Vectors:
        """One vector a question, shape (len(texts), dimension)."""
        return self._encode([self._question_prompt + text for text in texts])

    def embed_passages(self, passages: Sequence[PassageText]) -> Iterator[tuple[int, PassageVectors]]:
        """The vectors of each passage and its sentences, the shortest passages first.

        Batches hold texts of like length, to pad little. Sentences are embedded on their own: a mean over their tokens
        inside the passage costs nothing extra, but tells sentences apart much worse (`docs/evaluation.md`).
        """
        order = sorted(range(len(passages)), key=lambda place: len(passages[place].body))
        for at in range(0, len(order), self._batch):
            places = order[at : at + self._batch]
            batch = [passages[place] for place in places]
            vectors = self._encode([self._passage_prompt + passage.text for passage in batch])
            sentences = self._sentences([text for passage in batch for text in passage.sentence_texts])
            first = 0
            for place, passage, vector in zip(places, batch, vectors, strict=True):
                last = first + len(passage.sentences)
                yield place, PassageVectors(vector, sentences[first:last])
                first = last

    def _sentences(self, texts: Sequence[str]) -> Vectors:
        # Neighbouring chunks share sentences; the encoder itself sorts by length.
        unique = list(dict.fromkeys(texts))
        vectors = self._encode([self._passage_prompt + text for text in unique])
        rows = {text: row for row, text in enumerate(unique)}
        return vectors[[rows[text] for text in texts]]

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Length of each text in tokens, without special tokens."""
        if not texts:
            return []
        encoded = self._model.tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def _encode(self, texts: list[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        # A fast tokenizer keeps its truncation and padding as state, and fails when two threads set them at once.
        with self._lock:
            vectors: Vectors = self._model.encode(
                texts, batch_size=self._batch, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
            )
        return vectors
