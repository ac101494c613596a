"""An embedding model of any kind, by sentence-transformers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock

from sentence_transformers import SentenceTransformer

from agent.building import BUILDING
from agent.store.vectors import Vectors


class LibraryEncoder:
    """Loads a folder. Safe from several threads.

    Raises:
        OSError, ValueError, KeyError, RuntimeError: the folder does not hold such a model.
    """

    def __init__(self, folder: Path, device: str) -> None:
        with BUILDING:
            self._model = SentenceTransformer(
                str(folder), device=device, local_files_only=True, trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )  # fmt: skip
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        self.prompts: Mapping[str, str] = {name: text for name, text in self._model.prompts.items() if text}
        # A fast tokenizer keeps its truncation and padding as state, and fails when two threads set them at once.
        self._lock = Lock()

    def encode(self, texts: Sequence[str], batch: int) -> Vectors:
        """As `Encoder.encode`."""
        with self._lock:
            vectors: Vectors = self._model.encode(
                list(texts), batch_size=batch, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
            )
        return vectors

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """As `Encoder.token_counts`."""
        encoded = self._model.tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]
