"""A reranker by sentence-transformers, from a local folder."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import numpy as np
from safetensors import SafetensorError
from sentence_transformers import CrossEncoder
from torch.nn import Identity
from transformers.utils import logging as transformers_logging

from agent.building import BUILDING
from agent.load_errors import ModelInvalid
from agent.retrieval.fusion import Scores

# What transformers and sentence-transformers raise for a folder that they cannot make a model of.
_LOAD_ERRORS = (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError, SafetensorError)


class CrossEncoderReranker:
    """A sequence classifier with one label, by sentence-transformers, from a local folder. Safe from several threads.

    Args:
        folder: config.json, tokenizer.json and safetensors weights.
        batch: pairs scored at once.

    Raises:
        ModelInvalid: the folder does not hold such a model.
    """

    def __init__(self, folder: Path, *, device: str, batch: int) -> None:
        self._model = _load(folder, device)
        self.name = folder.name
        self._batch = batch
        # A fast tokenizer keeps its truncation and padding as state, and fails when two threads set them at once.
        # Nothing is lost by taking turns: one question's batch keeps every core, or the GPU, busy.
        self._lock = Lock()

    def score(self, question: str, texts: Sequence[str]) -> Scores:
        """Logits, shape (len(texts),), in the order of `texts`.

        A pair that is too long loses the end of its longer part: the passage, unless the question alone fills more than
        half of what the model reads. CrossEncoder batches pairs of like length.
        """
        if not texts:
            return np.zeros(0, dtype=np.float64)
        pairs = [(question, text) for text in texts]
        with self._lock:
            # Logits whatever the model's own activation is: a sigmoid makes the best passages' scores equal.
            scores = self._model.predict(
                pairs, batch_size=self._batch, activation_fn=Identity(), show_progress_bar=False, convert_to_numpy=True
            )
        return np.asarray(scores, dtype=np.float64)


def _load(folder: Path, device: str) -> CrossEncoder:
    # What fails is raised, and reported by us.
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with BUILDING:
            model: CrossEncoder = CrossEncoder(
                str(folder), device=device, local_files_only=True, trust_remote_code=False,
                # bfloat16 has three digits: passages that do not answer would tie.
                model_kwargs={"use_safetensors": True, "dtype": "float32"},
            )  # fmt: skip
        problem = _problem(model)
    except _LOAD_ERRORS as error:
        raise ModelInvalid("RERANKER_MODEL cannot be loaded.", detail=repr(error)) from error
    if problem:
        raise ModelInvalid(f"RERANKER_MODEL is not a reranker: {problem}.", detail=str(folder))
    return model


def _problem(model: CrossEncoder) -> str:
    architectures = getattr(model.config, "architectures", None) or [""]
    if not architectures[0].endswith("ForSequenceClassification"):
        # transformers would add a classifier of random numbers.
        return "it has no classifier"
    if model.num_labels != 1:
        return f"it gives {model.num_labels} scores to a text, and one is needed"
    return ""
