"""Citations are made by code: a quote is a sentence of the source, by its offsets, never what a model typed."""

from agent.retrieval.evidence import Evidence
from agent.schemas import Citation


class Citations:
    """Numbers the evidence of one answer in order of use; the same sentence keeps its number."""

    def __init__(self) -> None:
        self._cited: dict[tuple[str, int, int], Citation] = {}

    def cite(self, evidence: Evidence) -> int:
        """The number for this evidence."""
        chunk, sentence = evidence.passage.chunk, evidence.sentence
        key = (chunk.source, sentence.start, sentence.end)
        if key not in self._cited:
            self._cited[key] = Citation(
                id=len(self._cited) + 1,
                source=chunk.source,
                title=chunk.title,
                quote=sentence.text,
                start=sentence.start,
                end=sentence.end,
                score=round(min(max(evidence.cosine, 0.0), 1.0), 4),
            )
        return self._cited[key].id

    def all(self) -> list[Citation]:
        """Every citation, by number."""
        return list(self._cited.values())
