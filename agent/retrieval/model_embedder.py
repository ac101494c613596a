"""Embeddings by a model of a local folder in sentence-transformers' format."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from transformers.utils import logging as transformers_logging

from agent.load_errors import ModelInvalid
from agent.retrieval.embedder import PassageText, PassageVectors
from agent.retrieval.encoder import Encoder
from agent.retrieval.model_files import fingerprint_of
from agent.retrieval.plain_encoder import PlainEncoder, is_plain
from agent.store.vectors import Vectors


class ModelEmbedder:
    """Loads `folder`. Prompts named "query" and "passage" (or "document") are used where the model has them.

    Args:
        folder: of the model.
        device: where it computes.
        batch: texts embedded at once.
        fingerprint: what `fingerprint_of` makes of the folder, where somebody knows it already.

    Raises:
        ModelInvalid: the folder does not hold a sentence-transformers model.
    """

    def __init__(self, folder: Path, *, device: str, batch: int, fingerprint: str | None = None) -> None:
        # What fails is raised, and reported by us.
        transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            self._encoder = _encoder(folder, device)
        except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
            raise ModelInvalid("EMBEDDING_MODEL cannot be loaded.", detail=repr(error)) from error
        self.name = folder.name
        self.dimension = self._encoder.dimension
        self._folder = folder
        self._batch = batch
        self._fingerprint = fingerprint
        prompts = self._encoder.prompts
        self._question_prompt = prompts.get("query") or ""
        self._passage_prompt = prompts.get("passage") or prompts.get("document") or ""

    @property
    def fingerprint(self) -> str:
        """As `fingerprint_of`."""
        if self._fingerprint is None:
            self._fingerprint = fingerprint_of(self._folder)
        return self._fingerprint

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
        # Neighbouring chunks share sentences.
        unique = list(dict.fromkeys(texts))
        vectors = self._encode([self._passage_prompt + text for text in unique])
        rows = {text: row for row, text in enumerate(unique)}
        return vectors[[rows[text] for text in texts]]

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Length of each text in tokens, without special tokens."""
        return self._encoder.token_counts(texts) if texts else []

    def _encode(self, texts: list[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return self._encoder.encode(texts, self._batch)


def _encoder(folder: Path, device: str) -> Encoder:
    if is_plain(folder):
        return PlainEncoder(folder, device)
    from agent.retrieval.library_encoder import LibraryEncoder  # a second to import

    return LibraryEncoder(folder, device)
