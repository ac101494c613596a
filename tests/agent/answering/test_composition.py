"""An answer as it grows: its text, its sentences and its citations fit together."""

import re

from hypothesis import given
from hypothesis import strategies as st

from agent.answering.composition import CitedText
from agent.answering.verification import LEAD, quote
from tests.fakes.evidence import evidence, evidence_in, passage

SOURCES = evidence_in(passage("The port is 8000.", "The key [7] goes in items[0].", "It was built in 1990.[3]"))
# What callers pass: a sentence on one line.
TEXT = st.text(min_size=1, max_size=40).map(lambda text: " ".join(text.split())).filter(bool)
STEPS = st.lists(
    st.tuples(st.just("add"), TEXT, st.sampled_from(SOURCES))
    | st.tuples(st.just("quote"), st.just(""), st.sampled_from(SOURCES))
    | st.tuples(st.just("say"), TEXT, st.none()),
    max_size=6,
)


@given(steps=STEPS, foreign=st.booleans())
def test_sentences_and_numbers_fit_whatever_is_said(steps: list[tuple], foreign: bool) -> None:  # type: ignore[type-arg]
    """`answer[start:end]` is each sentence; every number in square brackets is a citation's; none is missing."""
    answer = CitedText()
    for kind, text, item in steps:
        if kind == "add":
            answer.add(text, item, 0.95)
        elif kind == "quote":
            quote(answer, item, "es" if foreign else "en")
        else:
            answer.say(text)
    assert [answer.text[sentence.start : sentence.end] for sentence in answer.blocks] == [
        sentence.text for sentence in answer.blocks
    ]
    ids = {citation.id for citation in answer.citations}
    assert ids == set(range(1, len(ids) + 1))
    assert ids == {int(number) for number in re.findall(r"\[(\d+)\]", answer.text)}
    assert ids == {number for sentence in answer.blocks for number in sentence.citations}


def test_evidence_keeps_its_number() -> None:
    """Numbered in order of use; the same sentence of an overlapping chunk is the same citation."""
    answer = CitedText()
    first, second = evidence("The port is 8000."), evidence("The key goes in a header.", source="b.md")
    answer.add("It is 8000.", first, 0.91239)
    answer.add("The key is a header.", second, 1.0)
    answer.add("The port is 8000.", evidence("The port is 8000."), 1.0)
    answer.say("That is all.")
    assert "It is 8000. [1] The key is a header. [2] The port is 8000. [1] That is all." == answer.text
    assert [[1], [2], [1], []] == [sentence.citations for sentence in answer.blocks]
    assert [0.9124, 1.0, 1.0, None] == [sentence.support for sentence in answer.blocks]
    assert [("a.md", 1), ("b.md", 2)] == [(citation.source, citation.id) for citation in answer.citations]
    assert (True, False) == (answer.cites(first), answer.cites(evidence("Another.", source="c.md")))


def test_a_citation_says_where_its_quote_stands() -> None:
    """Byte for byte as in the source, line breaks and brackets included, with offsets, title and headings."""
    item = evidence_in(passage("First.", "It is\nwrapped [2].", title="Guide", heading="Guide > Use", at=100))[1]
    answer = CitedText()
    quote(answer, item, "en")
    (citation,) = answer.citations
    assert "It is wrapped (2). [1]" == answer.text
    assert ("It is\nwrapped [2].", 107, 125) == (citation.quote, citation.start, citation.end)
    assert ("Guide", "Guide > Use", None) == (citation.title, citation.heading, citation.page)


def test_a_quote_in_another_language_is_introduced() -> None:
    """The lead is in the language of the answer and is no part of the sentence."""
    answer = CitedText()
    quote(answer, evidence("The port is 8000."), "es")
    assert f"{LEAD['es']}The port is 8000. [1]" == answer.text
    assert ["The port is 8000."] == [sentence.text for sentence in answer.blocks]
