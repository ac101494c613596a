"""Whether citations support what they are attached to, decided by patterns and words, without a judge model.

A block is read as statements: its sentences, and, where a nugget matches the block but none of its sentences, the whole
block. A row of a table also consists of its header. A cited span supports a block when it supports one of its
statements:

1. A statement that states nuggets is supported by a span that states one of these nuggets.
2. Any other statement is supported by a span that holds at least half of its content words (`agent.text.words.terms`),
   and at least one of its numbers and identifiers (`agent.text.facts.exact_tokens`) where it has any; and every one of
   them must be in a span that the block cites.
3. In another language than the document's, a statement of the second kind is also supported by a span that shares one
   of its numbers or identifiers, or one of its names where it has none. A statement without any cannot be decided, and
   its citations are not counted.

Limits: a span can share words with a statement and say something else, such as its negation. A paraphrase with fewer
than half of the words of its source is not recognised. A span that only introduces, as the lead-in of a list, does not
support the items. A nugget whose pattern is a common word is found in spans that do not state it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.schemas import Language
from agent.text.facts import exact_tokens, names
from agent.text.sentences import split_units
from agent.text.words import terms, words
from evaluation.nuggets import Nugget, NuggetQuestion, normalise
from evaluation.outcome import Block, Cited, Outcome, TextOf

# Of 320 sentences of CLAPNQ's answers, this share accepts 95 % with their best gold sentence, and 0.8 % of 609 pairs
# with another sentence of the same passage (dev.jsonl, 2026-11-30).
LEAST_SHARED = 0.5

Languages = Mapping[str, Language]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a citation supports a block; None where that cannot be decided. Both are places in the answer's lists."""

    block: int
    citation: int
    supports: bool | None


@dataclass(frozen=True, slots=True)
class Attribution:
    """What the citations of an answer are worth.

    Attributes:
        verdicts: of each citation of each block that states a fact.
        stated: nuggets that the answer states.
        cited: those of them whose block cites a span that states them, or overlaps the gold quote.
    """

    verdicts: tuple[Verdict, ...]
    stated: int
    cited: int


def attribution_of(question: NuggetQuestion, outcome: Outcome, text_of: TextOf, languages: Languages) -> Attribution:
    """Judge the citations of an answer; `languages` are those of the documents, by source.

    An abstention and an answer without blocks, such as that of a system that cites nothing, have nothing to judge.
    """
    if outcome["abstained"] or not outcome["blocks"]:
        return Attribution((), 0, 0)
    stated = [nugget for nugget in question.nuggets if nugget.is_stated(normalise(outcome["answer"]))]
    gold = _GoldSpans(question, text_of)
    return Attribution(
        verdicts=tuple(_verdicts(outcome, question.nuggets, languages)),
        stated=len(stated),
        cited=sum(_is_cited(nugget, outcome, gold) for nugget in stated),
    )


@dataclass(frozen=True, slots=True)
class Statement:
    """A part of a block that a span can support by itself, and the nuggets that it states."""

    text: str
    nuggets: tuple[Nugget, ...]


def statements_of(text: str, nuggets: Sequence[Nugget]) -> list[Statement]:
    """The statements of a block."""
    sentences = [text[unit.start : unit.end] for unit in split_units(text)] or [text]
    found = [Statement(sentence, _stated(nuggets, sentence)) for sentence in sentences]
    within = {nugget for statement in found for nugget in statement.nuggets}
    across = tuple(nugget for nugget in _stated(nuggets, text) if nugget not in within)
    return [*found, Statement(text, across)] if across else found


def supports(statement: Statement, span: str, cited: Sequence[str], language: Language, foreign: bool) -> bool | None:
    """Whether a span supports a statement; None where that cannot be decided.

    Args:
        statement: of the block.
        span: text of the citation.
        cited: texts of all citations of the block.
        language: of the document that the span is from.
        foreign: the answer is in another language.
    """
    if statement.nuggets:
        return bool(_stated(statement.nuggets, span))
    exact = _exact(statement.text, foreign)
    if exact - _exact("\n".join(cited), foreign):
        return False
    shares_exact = bool(exact & _exact(span, foreign))
    content = set(terms(statement.text, language))
    shared = len(content & set(terms(span, language)))
    if content and shared >= LEAST_SHARED * len(content) and (shares_exact or not exact):
        return True
    if not foreign:
        return False if content else None
    if exact:
        return shares_exact
    named = names(statement.text)
    return bool(named & set(words(span))) if named else None


def _exact(text: str, foreign: bool) -> set[str]:
    """Numbers and identifiers; across languages without numbers that are words."""
    return {token for token in exact_tokens(text) if not (foreign and token.isalpha())}


def _verdicts(outcome: Outcome, nuggets: Sequence[Nugget], languages: Languages) -> Iterator[Verdict]:
    by_id = {one["id"]: (place, one) for place, one in enumerate(outcome["citations"])}
    header: list[Statement] = []
    for number, block in enumerate(outcome["blocks"]):
        statements = statements_of(block["text"], nuggets)
        if block["kind"] == "header":
            header = statements
        elif block["kind"] == "row":
            statements = [*statements, *header]
        cited = [by_id[one] for one in block["citations"] if one in by_id]
        if not block["states_fact"]:
            continue
        for place, one in cited:
            language = languages.get(one["source"], "en")
            texts = [other["quote"] for _, other in cited]
            foreign = language != outcome["language"]
            found = [supports(each, one["quote"], texts, language, foreign) for each in statements]
            yield Verdict(number, place, True if True in found else None if None in found else False)


def _is_cited(nugget: Nugget, outcome: Outcome, gold: "_GoldSpans") -> bool:
    """Whether a block that states the nugget cites it; a nugget that no block states alone is the whole answer's."""
    stating = [block for block in outcome["blocks"] if nugget.is_stated(normalise(block["text"]))]
    for cited in _cited_by(outcome, stating):
        union = normalise("\n".join(one["quote"] for one in cited))
        if nugget.is_stated(union) or any(gold.overlaps(nugget, one) for one in cited):
            return True
    return False


def _cited_by(outcome: Outcome, stating: Sequence[Block]) -> list[list[Cited]]:
    """What each block that states a nugget cites, or all that the answer cites where none states it alone."""
    if not stating:
        return [outcome["citations"]]
    return [[one for one in outcome["citations"] if one["id"] in block["citations"]] for block in stating]


class _GoldSpans:
    """Where the gold quotes of a question stand in the documents."""

    def __init__(self, question: NuggetQuestion, text_of: TextOf) -> None:
        self._spans = [
            (source.file, span, normalise(quote))
            for source in question.sources
            for quote in source.quotes
            for span in _occurrences(quote, text_of(source.file) or "")
        ]

    def overlaps(self, nugget: Nugget, cited: Cited) -> bool:
        """Whether a citation overlaps a gold quote of this nugget: one that states it, or any where none does."""
        own = [one for one in self._spans if nugget.is_stated(one[2])] or self._spans
        return any(
            source == cited["source"] and cited["start"] < end and start < cited["end"]
            for source, (start, end), _ in own
        )


def _occurrences(quote: str, text: str) -> list[tuple[int, int]]:
    """Where a quote stands in a text, whatever the white space between its words."""
    pattern = r"\s+".join(re.escape(word) for word in quote.split())
    return [found.span() for found in re.finditer(pattern, text)] if pattern else []


def _stated(nuggets: Sequence[Nugget], text: str) -> tuple[Nugget, ...]:
    normalised = normalise(text)
    return tuple(nugget for nugget in nuggets if nugget.is_stated(normalised))
