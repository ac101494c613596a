"""Loads the embedder and the reranker that the settings name."""

from pathlib import Path

from agent.model_source import locate
from agent.retrieval.embedder import Embedder
from agent.retrieval.reranker import Reranker
from agent.settings import EMBEDDED_EMBEDDER, FALLBACK_EMBEDDER, Settings
from agent.telemetry.logs import get_logger


def embedder_folder(settings: Settings) -> Path:
    """Where the embedding model lies.

    Raises:
        ModelNotFound: it is nowhere.
    """
    return locate(_available(settings.embedding_model), "EMBEDDING_MODEL", settings)


def reranker_folder(settings: Settings) -> Path | None:
    """Where the reranker lies; None when the settings name none.

    Raises:
        ModelNotFound: it is nowhere.
    """
    return locate(settings.reranker_model, "RERANKER_MODEL", settings) if settings.reranker_model else None


def load_embedder(settings: Settings) -> Embedder:
    """The embedding model that the settings name.

    Raises:
        ModelNotFound, ModelInvalid: see `agent.load_errors`.
    """
    return embedder_in(embedder_folder(settings), settings)


def embedder_in(folder: Path, settings: Settings, fingerprint: str | None = None) -> Embedder:
    """The one in this folder, on the CPU: one question is one short text, and the GPU's memory is the answers'.

    `fingerprint` is what `fingerprint_of` makes of the folder, where somebody knows it already.

    Raises:
        ModelInvalid: see `agent.load_errors`.
    """
    from agent.retrieval.model_embedder import ModelEmbedder  # torch and transformers take seconds to import

    return ModelEmbedder(folder, device="cpu", batch=settings.embed_batch, fingerprint=fingerprint)


def load_reranker(settings: Settings) -> Reranker | None:
    """The cross-encoder, on the CPU like the embedder; None when the settings name none.

    Raises:
        ModelNotFound, ModelInvalid: see `agent.load_errors`.
    """
    if (folder := reranker_folder(settings)) is None:
        return None
    from agent.retrieval.cross_encoder import CrossEncoderReranker

    return CrossEncoderReranker(folder, device="cpu", batch=settings.embed_batch)


def _available(model: str) -> str:
    """The setting, or the other embedded model where the default one has no wheel and so was never prepared."""
    if model == EMBEDDED_EMBEDDER and not Path(model).is_dir() and Path(FALLBACK_EMBEDDER).is_dir():
        get_logger().warning("embedder.fallback", model=FALLBACK_EMBEDDER)
        return FALLBACK_EMBEDDER
    return model
