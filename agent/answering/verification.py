"""Verification of what the strategy `short` drafts: keeps what the source says, drops the rest, and cites it.

A draft that is a stretch of a sentence, word for word, stands, unless that sentence has no word of the question (so
that a document cannot put words into the model's mouth), or denies something and the stretch does not, or the stretch
says nothing that the question does not.

Otherwise a sentence of the draft stands if one source sentence that speaks to the question has every number, identifier
and name of it and nearly all of its words, and denies something if it does; if it is in the language that was asked
for, and if it passes on what that source sentence adds to the question: small models like to say the question again, or
one phrase over and over.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.answering.composition import AnswerComposer, SourceSpan
from agent.answering.strategies.short_draft import Draft
from agent.retrieval.evidence import Evidence
from agent.schemas import Language
from agent.text.facts import exact_tokens, names, negates, ungrouped
from agent.text.language import detect_language
from agent.text.sentences import Kind, split_units
from agent.text.words import terms, words

MIN_SUPPORT = 0.9
MIN_NEWS = 0.4
MAX_REPETITION = 1.5
# "The answer is: ..." tells nothing that the sentence before it has not told.
MIN_FRESH = 0.2
# Shorter ones are too short to tell the language of.
_MIN_WORDS_FOR_LANGUAGE = 6

# The model may repeat our numbers; the citations are ours to write. Not "items[0]".
_MARK = re.compile(r"(?:\s+|(?<!\w))\[\d+\]")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What of the draft stands: nothing, where `evidence`, on which its first sentence rests, is None.

    `support` is the mean share of words found.
    """

    answer: AnswerComposer
    evidence: Evidence | None
    kept: int
    dropped: tuple[str, ...]
    support: float


class Verifier:
    """Checks a draft against the evidence. Pure: no model is asked."""

    def verify(self, question: str, draft: Draft, language: Language) -> Verdict:
        """The draft's supported sentences with their citations."""
        if (copied := _copied(question, draft, language)) is not None:
            return copied
        answer = AnswerComposer()
        first: Evidence | None = None
        told: set[str] = set()
        dropped: list[str] = []
        supports: list[float] = []
        sentences = _draft_sentences(draft)
        for sentence in sentences:
            supporting, support = _best_support(sentence, question, draft.allowed, language)
            fresh = set(terms(sentence, language)) - told
            if supporting is None or len(fresh) < MIN_FRESH * len(told):
                dropped.append(sentence)
                continue
            told |= fresh
            supports.append(support)
            first = first or supporting
            answer.add("paragraph", sentence, [SourceSpan.of_evidence(supporting)], support)
        kept = len(supports)
        return Verdict(answer, first, kept, tuple(dropped), sum(supports) / kept if kept else 0.0)


def _copied(question: str, draft: Draft, language: Language) -> Verdict | None:
    """The verdict on a draft in its evidence's own words and order; None when it is in others."""
    said = " ".join(_MARK.sub("", draft.reading.text).split())
    if not said or not draft.reading.complete or _in_another_language(said, language):
        return None
    for evidence in draft.allowed:
        text = _stretch_of(said, evidence, language)
        if text is None:
            continue
        spoken = evidence.passage.chunk.language
        if not set(terms(ungrouped(text), spoken)) - set(terms(ungrouped(question), spoken)):
            return None
        answer = AnswerComposer()
        answer.add("paragraph", text, [SourceSpan.of_evidence(evidence)], 1.0)
        return Verdict(answer, evidence, kept=1, dropped=(), support=1.0)
    return None


def _stretch_of(said: str, evidence: Evidence, language: Language) -> str | None:
    """The stretch of the sentence that was said; a full stop behind it may be the model's own."""
    source, spoken = " ".join(evidence.sentence.text.split()), evidence.passage.chunk.language
    text = said if said in source else said.rstrip(".")
    stands = re.search(rf"(?<!\w){re.escape(text)}(?!\w)", source) is not None
    speaks = evidence.coverage > 0.0 or spoken != language
    return text if text and stands and speaks and negates(text, spoken) == negates(source, spoken) else None


def _draft_sentences(draft: Draft) -> list[str]:
    spans = [span for span in split_units(draft.reading.text) if span.kind is not Kind.HEADING]
    sentences = [" ".join(_MARK.sub("", draft.reading.text[span.start : span.end]).split()) for span in spans]
    # An answer that ran into max_tokens ends in the middle of a sentence.
    return sentences if draft.reading.complete else sentences[:-1]


def _best_support(
    sentence: str, question: str, allowed: Sequence[Evidence], language: Language
) -> tuple[Evidence | None, float]:
    said = terms(ungrouped(sentence), language)
    best: tuple[Evidence | None, float] = (None, 0.0)
    repeats = len(said) > MAX_REPETITION * len(set(said))
    if not said or repeats or _in_another_language(sentence, language):
        return best
    for item in allowed:
        support = _support(sentence, set(said), question, item, language)
        if support > best[1]:
            best = (item, support)
    return best


def _support(sentence: str, claimed: set[str], question: str, item: Evidence, language: Language) -> float:
    """The share of the sentence's words that the source has; 0 when anything that must be exact is not in it."""
    chunk, source = item.passage.chunk, item.sentence.text
    about = f"{chunk.title} {chunk.heading}"
    if not exact_tokens(sentence) <= exact_tokens(source) or not names(sentence) <= set(words(f"{about} {source}")):
        return 0.0
    if negates(sentence, language) != negates(source, chunk.language):
        return 0.0
    stated = set(terms(ungrouped(source), chunk.language))
    known = stated | set(terms(about, chunk.language))
    news = stated - set(terms(ungrouped(question), chunk.language))
    # A name may also open the sentence, where its capital tells nothing.
    opening = set(terms(ungrouped(sentence.split(maxsplit=1)[0]), language))
    if not news or len(news & claimed) / len(news) < MIN_NEWS or not opening <= known:
        return 0.0
    support = len(claimed & known) / len(claimed)
    return support if support >= MIN_SUPPORT else 0.0


def _in_another_language(sentence: str, language: Language) -> bool:
    return len(sentence.split()) >= _MIN_WORDS_FOR_LANGUAGE and detect_language(sentence) != language
