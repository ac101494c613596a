"""Loads the embedder and the reranker that the settings name."""

from pathlib import Path

from agent.model_source import locate
from agent.retrieval.cross_encoder import CrossEncoderReranker
from agent.retrieval.reranker import Reranker
from agent.retrieval.sentence_transformer import SentenceTransformerEmbedder
from agent.settings import EMBEDDED_EMBEDDER, FALLBACK_EMBEDDER, Settings
from agent.telemetry.logs import get_logger


def load_embedder(settings: Settings) -> SentenceTransformerEmbedder:
    """The embedding model, on the CPU: one question is one short text, and the GPU's memory is the answers'.

    Raises:
        ModelNotFound, ModelInvalid: see `agent.errors`.
    """
    folder = locate(_available(settings.embedding_model), "EMBEDDING_MODEL", settings)
    return SentenceTransformerEmbedder(folder, device="cpu", batch=settings.embed_batch)


def load_reranker(settings: Settings) -> Reranker | None:
    """The cross-encoder, on the CPU like the embedder; None when the settings name none.

    Raises:
        ModelNotFound, ModelInvalid: see `agent.errors`.
    """
    if not settings.reranker_model:
        return None
    folder = locate(settings.reranker_model, "RERANKER_MODEL", settings)
    return CrossEncoderReranker(folder, device="cpu", batch=settings.embed_batch)


def _available(model: str) -> str:
    """The setting, or the other embedded model where the default one has no wheel and so was never prepared."""
    if model == EMBEDDED_EMBEDDER and not Path(model).is_dir() and Path(FALLBACK_EMBEDDER).is_dir():
        get_logger().warning("embedder.fallback", model=FALLBACK_EMBEDDER)
        return FALLBACK_EMBEDDER
    return model
