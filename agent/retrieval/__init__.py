"""Finds passages: embeddings and BM25, fused."""
