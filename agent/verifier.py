"""The Verifier: keeps what the source says, drops the rest, and cites it.

A sentence of the draft stands if one source sentence that speaks to the question has every number and identifier of it
and nearly all of its words, and if it passes on what that source sentence adds to the question: small models like to
say the question again, or one phrase over and over. If none of the draft stands, the best source sentence itself is the
answer.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.answerer import Draft
from agent.citations import Citations
from agent.retrieval.evidence import Evidence
from agent.schemas import Citation, Language
from agent.text.sentences import Kind, split_units
from agent.text.words import fold, terms

# How many of the best source sentences may support an answer: further down they are about something else.
ALLOWED_EVIDENCE = 3
MIN_SUPPORT = 0.9
MIN_NEWS = 0.4
MAX_REPETITION = 1.5

_EXACT = re.compile(r"\b\w*\d[\w.:/%-]*|\b[A-Z][A-Z0-9]*_[A-Z0-9_]+|\b\w+(?:[_/]\w+)+")
_NUMBERED = re.compile(r"\[\d+\]")
_LEAD: dict[Language, str] = {"en": "The documents say: ", "es": "Los documentos dicen: "}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verified answer. `source` says who worded it; `support` is the mean share of words that were found."""

    answer: str
    citations: list[Citation]
    source: str
    kept: int
    dropped: int
    support: float = field(default=1.0)


class Verifier:
    """Checks a draft against the evidence. Pure: no model is asked."""

    def verify(self, question: str, draft: Draft, evidence: Sequence[Evidence], language: Language) -> Verdict:
        """The draft's supported sentences with their citations, or the best source sentence."""
        allowed = [item for item in evidence[:ALLOWED_EVIDENCE] if item.passage in draft.packed]
        citations = Citations()
        kept: list[str] = []
        said: set[str] = set()
        supports: list[float] = []
        asked = set(terms(question, language))
        sentences = _draft_sentences(draft)
        for sentence in sentences:
            supporting, support = _best_support(sentence, asked, allowed, language)
            if supporting is None or fold(sentence) in said:
                continue
            said.add(fold(sentence))
            supports.append(support)
            kept.append(f"{sentence} [{citations.cite(supporting)}]")
        if not kept:
            return _extract(evidence, language, dropped=len(sentences))
        mean = sum(supports) / len(supports)
        return Verdict(" ".join(kept), citations.all(), "model", len(kept), len(sentences) - len(kept), mean)


def _draft_sentences(draft: Draft) -> list[str]:
    text = _NUMBERED.sub("", draft.text)
    spans = [span for span in split_units(text) if span.kind is not Kind.HEADING]
    sentences = [" ".join(text[span.start : span.end].split()) for span in spans]
    # An answer that ran into max_tokens ends in the middle of a sentence.
    return sentences if draft.complete else sentences[:-1]


def _best_support(
    sentence: str, asked: set[str], allowed: Sequence[Evidence], language: Language
) -> tuple[Evidence | None, float]:
    said = terms(sentence, language)
    claimed = set(said)
    exact = {fold(match.strip(".,:;")) for match in _EXACT.findall(sentence)}
    best: tuple[Evidence | None, float] = (None, 0.0)
    if not claimed or len(said) > MAX_REPETITION * len(claimed):
        return best
    for item in allowed:
        chunk = item.passage.chunk
        source = set(terms(item.sentence.text, chunk.language))
        news = source - asked
        if not all(token in fold(item.sentence.text) for token in exact) or not news:
            continue
        support = len(claimed & (source | set(terms(chunk.heading, chunk.language)))) / len(claimed)
        if support >= MIN_SUPPORT and len(news & claimed) / len(news) >= MIN_NEWS and support > best[1]:
            best = (item, support)
    return best


def _extract(evidence: Sequence[Evidence], language: Language, *, dropped: int) -> Verdict:
    best = evidence[0]
    citations = Citations()
    number = citations.cite(best)
    quote = " ".join(best.sentence.text.split())
    # A quote in another language than the question's is introduced in the question's.
    lead = "" if best.passage.chunk.language == language else _LEAD[language]
    return Verdict(f"{lead}{quote} [{number}]", citations.all(), "extract", 1, dropped)
