"""Whether citations support their blocks, without a judge."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.schemas import Language
from evaluation.attribution import Attribution, Statement, attribution_of, statements_of, supports
from evaluation.nuggets import GoldSource, Nugget, NuggetQuestion
from evaluation.outcome import Block, Cited, Outcome

FEES = "Ships pay nine florins at the gate. Boats pay two. The gate closes at dusk."
TEXTS = {"fees.md": FEES, "puerto.md": "El puerto cierra a las 21:30. Lo dice Marta Ruiz."}
LANGUAGES: dict[str, Language] = {"fees.md": "en", "puerto.md": "es"}
FLORINS = Nugget("nine florins", (re.compile("(9|nine) florins"),))
DUSK = Nugget("closes at dusk", (re.compile("dusk|sunset"),))


def cited(number: int, quote: str, source: str = "fees.md") -> Cited:
    start = TEXTS[source].index(quote)
    return Cited(id=number, source=source, start=start, end=start + len(quote), quote=quote)


def block(text: str, *citations: int, kind: str = "paragraph", states_fact: bool = True) -> Block:
    return Block(kind=kind, text=text, citations=list(citations), states_fact=states_fact)


def outcome(blocks: list[Block], citations: list[Cited], **fields: Any) -> Outcome:
    answer = "\n\n".join(one["text"] for one in blocks)
    made = Outcome(
        answer=answer, abstained=False, reason=None, language="en", blocks=blocks, citations=citations, context=None,
        decisions={}, prompt_tokens=0, completion_tokens=0, seconds=0.1, error=None,
    )  # fmt: skip
    made.update(fields)  # type: ignore[typeddict-item]
    return made


def judged(blocks: list[Block], citations: list[Cited], *nuggets: Nugget, gold: str = "", **fields: Any) -> Attribution:
    sources = (GoldSource("fees.md", (gold,)),) if gold else ()
    question = NuggetQuestion("q", "velm", "en", "What?", "fact", bool(nuggets), nuggets, (), sources)
    return attribution_of(question, outcome(blocks, citations, **fields), TEXTS.get, LANGUAGES)


def verdicts(found: Attribution) -> list[bool | None]:
    return [one.supports for one in found.verdicts]


def test_a_span_that_states_a_nugget_of_the_block_supports_it() -> None:
    """One that shares words with the block but not its facts does not."""
    said = block("A ship pays 9 florins at the gate.", 1, 2)
    spans = [cited(1, "Ships pay nine florins at the gate."), cited(2, "The gate closes at dusk.")]
    assert [True, False] == verdicts(judged([said], spans, FLORINS))


def test_each_sentence_of_a_block_can_have_its_own_citation() -> None:
    """A span that supports one sentence supports the block."""
    said = block("It costs 9 florins. It is closed after sunset.", 1, 2)
    spans = [cited(1, "Ships pay nine florins at the gate."), cited(2, "The gate closes at dusk.")]
    assert [True, True] == verdicts(judged([said], spans, FLORINS, DUSK))


@pytest.mark.parametrize(
    ("statement", "span", "expected"),
    [
        ("Boats pay two at the gate.", "Boats pay two.", True),
        ("Boats pay two.", "The gate closes at dusk.", False),
        ("Boats pay 25.", "Boats pay two.", False),
        ("Dusk is when it closes.", "The gate closes at dusk.", True),
        ("It is so.", "The gate closes at dusk.", None),
    ],
)
def test_a_statement_without_nuggets_is_compared_by_numbers_and_words(
    statement: str, span: str, expected: bool | None
) -> None:
    """Every number must be cited, and half of the words shared; a statement of stop words cannot be decided."""
    assert expected is supports(Statement(statement, ()), span, [span], "en", foreign=False)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("The port shuts at 21:30.", True),
        ("The port shuts at 22:00.", False),
        ("It was announced by Marta.", True),
        ("It was announced by Pedro.", False),
        ("The port shuts late.", None),
    ],
)
def test_across_languages_only_numbers_and_names_count(statement: str, expected: bool | None) -> None:
    """A statement that has none of them cannot be decided."""
    text = TEXTS["puerto.md"]
    assert [expected] == verdicts(judged([block(statement, 1)], [cited(1, text, "puerto.md")]))


def test_an_introduction_and_an_abstention_are_not_judged() -> None:
    """A block that states no fact needs no citation, and an answer without blocks has none."""
    spans = [cited(1, "The gate closes at dusk.")]
    assert [] == verdicts(judged([block("In short:", 1, states_fact=False)], spans))
    assert Attribution((), 0, 0) == judged([block("I do not know.")], spans, FLORINS, abstained=True)
    assert Attribution((), 0, 0) == judged([], [], FLORINS, answer="Nine florins.")


def test_a_row_is_read_with_its_header() -> None:
    """A span that is the header of a row supports the row."""
    blocks = [block("| Ships | Boats", kind="header", states_fact=False), block("| nine florins | two", 1, kind="row")]
    assert [True] == verdicts(judged(blocks, [cited(1, "Ships pay nine florins at the gate. Boats pay two.")]))


def test_a_nugget_that_only_the_whole_block_states_is_a_statement_of_its_own() -> None:
    """A pattern can reach over the end of a sentence."""
    both = Nugget("both", (re.compile("gate.*dusk"),))
    found = statements_of("There is a gate. It closes at dusk.", [both])
    assert [(), (), (both,)] == [one.nuggets for one in found]


@pytest.mark.parametrize(
    ("quote", "gold", "expected"),
    [
        ("Ships pay nine florins at the gate.", "", 1),
        ("pay nine", "Ships pay\nnine florins at the gate.", 1),
        ("The gate closes at dusk.", "Ships pay nine florins at the gate.", 0),
    ],
)
def test_a_stated_nugget_is_cited_by_what_states_it_or_overlaps_the_gold(quote: str, gold: str, expected: int) -> None:
    """The gold quote is found whatever the white space between its words."""
    found = judged([block("9 florins.", 1)], [cited(1, quote)], FLORINS, gold=gold)
    assert (1, expected) == (found.stated, found.cited)


def test_the_citations_of_a_block_are_read_together() -> None:
    """Two halves of a fact, each cited, cite the fact; a citation of another block does not help."""
    halves = [cited(1, "Ships pay nine"), cited(2, "florins at the gate.")]
    assert 1 == judged([block("9 florins.", 1, 2)], halves, FLORINS).cited
    whole = [cited(1, "The gate closes at dusk."), cited(2, "Ships pay nine florins at the gate.")]
    assert 0 == judged([block("9 florins.", 1), block("More.", 2)], whole, FLORINS).cited


@given(text=st.text(max_size=60), span=st.text(max_size=60), foreign=st.booleans())
def test_any_text_is_judged(text: str, span: str, foreign: bool) -> None:
    """A span that holds the statement word for word is never found not to support it."""
    assert supports(Statement(text, ()), f"{span}\n{text}", [f"{span}\n{text}"], "en", foreign=foreign) is not False
