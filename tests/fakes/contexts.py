"""Contexts from real documents, without an index: the hits are named by words of theirs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.answering.context_builder import Context, ContextBuilder
from agent.ingest.builder import ChunkSizes, cut
from agent.retrieval.hashing_embedder import HashingEmbedder
from agent.retrieval.retriever import Passage
from agent.schemas import Language
from agent.store.chunks import Chunks, write_chunks
from agent.store.documents import Chunk, Document
from agent.text.language import detect_language


def chunks_of(
    folder: Path,
    documents: Mapping[str, str],
    *,
    tokens: int = 32,
    overlap: int = 0,
    dates: Mapping[str, str] | None = None,
) -> Chunks:
    """The chunks of Markdown documents (name: text), counted in words; the title is the first line's."""
    made = [_document(name, text, (dates or {}).get(name)) for name, text in documents.items()]
    cuts = cut(made, HashingEmbedder(), ChunkSizes(tokens, overlap))
    digests = [b"" for _, spans in cuts for _ in spans]
    path = folder / "chunks.sqlite"
    path.unlink(missing_ok=True)
    write_chunks(path, cuts, digests)
    return Chunks(path)


def hits(chunks: Chunks, *words: str) -> list[Passage]:
    """The first chunk that has each of these words, in this order, as if it had been found."""
    everything = chunks.get(chunks.matching({}))
    return as_hits([next(chunk for chunk in everything if word in chunk.text) for word in words])


def as_hits(found: Sequence[Chunk]) -> list[Passage]:
    """These chunks as if they had been found, best first."""
    return [Passage(chunk, 1 - place / 10, 1.0, 1.0) for place, chunk in enumerate(found)]


def count_words(text: str) -> int:
    """The length of a text in words."""
    return len(text.split())


def context_of(chunks: Chunks, *words: str, budget: int = 1000) -> Context:
    """The context of these hits."""
    return ContextBuilder(chunks, count_words, budget).build(hits(chunks, *words))


def _document(name: str, text: str, date: str | None) -> Document:
    title = text.strip().splitlines()[0].strip("# ") if text.strip() else name
    language: Language = detect_language(text)
    metadata = {"date": (date,)} if date else {}
    return Document(name, title, language, "md", "0" * 64, text, metadata=metadata)
