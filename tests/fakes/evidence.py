"""Passages, sentences and drafts that no store or model had to make."""

from collections.abc import Sequence

from agent.answering.strategies.short_draft import Draft, Reading
from agent.retrieval.evidence import Evidence
from agent.retrieval.retriever import Passage
from agent.schemas import Language, Usage
from agent.store.documents import Chunk, Sentence


def passage(
    *texts: str,
    source: str = "a.md",
    title: str = "Guide",
    heading: str = "Guide",
    language: Language = "en",
    at: int = 0,
) -> Passage:
    """A chunk of these sentences, one blank apart, that begins at offset `at` of its document."""
    sentences, start = [], at
    for text in texts:
        sentences.append(Sentence(start, start, start + len(text), text, "prose"))
        start += len(text) + 1
    chunk = Chunk(at, source, title, language, heading, at, start - 1, " ".join(texts), tuple(sentences))
    return Passage(chunk, 0.9, 1.0, 1.0)


def evidence_in(found: Passage) -> tuple[Evidence, ...]:
    """Every sentence of it, in order."""
    return tuple(Evidence(found, sentence, 1.0, 0.9, 1.0) for sentence in found.chunk.sentences)


def evidence(text: str, **fields: str) -> Evidence:
    """One sentence, alone in its chunk."""
    (item,) = evidence_in(passage(text, **fields))  # type: ignore[arg-type]
    return item


def draft(text: str, allowed: Sequence[Evidence], *, complete: bool = True) -> Draft:
    """What a model could have written, which may rest on `allowed`."""
    return Draft(Reading(text, complete, None, None, 1.0, Usage(), 0.0, None, 0.0), tuple(allowed))
