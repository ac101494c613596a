"""Loads the embedder that the settings name."""

from agent.model_source import locate
from agent.retrieval.sentence_transformer import SentenceTransformerEmbedder
from agent.settings import Settings


def load_embedder(settings: Settings) -> SentenceTransformerEmbedder:
    """The embedding model, on the CPU: one question is one short text, and the GPU's memory is the answers'.

    Raises:
        ModelNotFound, ModelInvalid: see `agent.errors`.
    """
    folder = locate(settings.embedding_model, "EMBEDDING_MODEL", settings)
    return SentenceTransformerEmbedder(folder, device="cpu", batch=settings.embed_batch)
