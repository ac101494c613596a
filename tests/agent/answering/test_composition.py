"""An answer as it grows: its Markdown, its blocks and its citations fit together."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.answering.composition import AnswerComposer, SourceSpan
from agent.schemas import BlockKind
from agent.text.markdown import parse_markdown
from tests.fakes.evidence import evidence, evidence_in, passage

SPANS = [
    SourceSpan.of_evidence(one)
    for one in evidence_in(passage("The port is 8000.", "The key [7] goes in items[0].", "It was built in 1990.[3]"))
]
# What callers pass: a block on one line; of code its lines.
TEXT = st.text(min_size=1, max_size=40).map(lambda text: " ".join(text.split())).filter(bool)
WORDS = st.lists(st.sampled_from(["oak", "*pine*", "8000", "`a b`", "are hard"]), min_size=1, max_size=3).map(" ".join)
KINDS: list[BlockKind] = ["paragraph", "heading", "item", "step", "header", "row", "code"]
ADDED = st.tuples(
    st.sampled_from(KINDS), TEXT, st.lists(st.sampled_from(SPANS), max_size=3), st.integers(min_value=0, max_value=4)
)


def composed(*blocks: tuple[BlockKind, str, int]) -> str:
    """The Markdown of blocks that cite nothing."""
    answer = AnswerComposer()
    for kind, text, depth in blocks:
        answer.say(text, kind, depth=depth)
    return answer.text


@given(blocks=st.lists(ADDED, max_size=8))
def test_blocks_and_numbers_fit_whatever_is_said(
    blocks: list[tuple[BlockKind, str, list[SourceSpan], int]],
) -> None:
    """`answer[start:end]` is each block; every number in square brackets is a citation's; none is missing."""
    answer = AnswerComposer()
    for kind, text, spans, depth in blocks:
        if spans and kind != "header":
            answer.add(kind, text, spans, 0.95, depth=depth)
        else:
            answer.say(text, kind, depth=depth)
    assert [answer.text[block.start : block.end] for block in answer.blocks] == [block.text for block in answer.blocks]
    ids = {citation.id for citation in answer.citations}
    assert ids == set(range(1, len(ids) + 1))
    outside_code = answer.text
    for block in reversed(answer.blocks):
        if block.kind == "code":
            outside_code = outside_code[: block.start] + outside_code[block.end :]
    assert ids == {int(number) for number in re.findall(r"\[([0-9]+)\]", outside_code)}
    assert ids == {number for block in answer.blocks for number in block.citations}


@given(
    blocks=st.lists(
        st.tuples(st.sampled_from(["paragraph", "heading", "item", "step"]), WORDS, st.integers(0, 3)),
        min_size=1,
        max_size=8,
    )
)
def test_the_markdown_has_the_blocks_that_were_composed(blocks: list[tuple[BlockKind, str, int]]) -> None:
    """A Markdown reader sees the kinds and texts that were composed, and nothing as code, however deep it was set."""
    read = parse_markdown(composed(*blocks))
    assert [(kind, text) for kind, text, _depth in blocks] == [(block.kind, block.text) for block in read]


@given(
    rows=st.lists(st.lists(WORDS, min_size=2, max_size=2).map(lambda cells: "| " + " | ".join(cells)), min_size=1),
    cited=st.booleans(),
)
def test_a_table_is_read_as_a_table(rows: list[str], cited: bool) -> None:
    """Header, rule and rows; the numbers of a row stand in its last cell."""
    answer = AnswerComposer()
    answer.say("| What | How", "header")
    for row in rows:
        answer.add("row", row, SPANS[:1] if cited else [], 1.0)
    read = parse_markdown(answer.text)
    assert ["header", *["row"] * len(rows)] == [block.kind for block in read]
    assert [row + (" [1]" if cited else "") for row in rows] == [block.text for block in read[1:]]


def test_a_row_without_its_header_is_an_item() -> None:
    """Markdown has no rows without a header; an escaped bar is one of its cell's."""
    assert "Codes\n\n- 200 · a|b\n- 404" == composed(
        ("paragraph", "Codes", 0), ("row", r"| 200 | a\|b", 0), ("row", "| 404 | ", 0)
    )


def test_nested_lists_are_set_in_and_numbered() -> None:
    """Each list of steps has its own numbers; a step goes on where a nested list has ended."""
    text = composed(
        ("step", "Clone it.", 0), ("item", "or copy it", 1), ("step", "Run:", 0), ("step", "a", 1), ("step", "b", 1),
        ("step", "c", 2), ("step", "Open it.", 0), ("step", "d", 1),
    )  # fmt: skip
    assert (
        "1. Clone it.\n   - or copy it\n2. Run:\n   1. a\n   2. b\n      1. c\n3. Open it.\n   1. d"
    ) == text  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text", "depth", "shown"),
    [("code", "make", 1, "```\nmake\n```"), ("code", "make", 0, "```\nmake\n```"), ("paragraph", "Wait.", 1, "Wait.")],
)
def test_the_numbers_of_steps_go_on_behind_a_sample_or_a_paragraph_of_a_step(
    kind: BlockKind, text: str, depth: int, shown: str
) -> None:
    """A reader counts on them; a paragraph that is none of a step's begins anew."""
    assert f"1. One\n\n{shown}\n\n2. Two" == composed(("step", "One", 0), (kind, text, depth), ("step", "Two", 0))
    assert "1. One\n\nOther.\n\n1. Two" == composed(("step", "One", 0), ("paragraph", "Other.", 0), ("step", "Two", 0))


def test_a_step_may_begin_with_another_number() -> None:
    """Of a part of a procedure; the next ones follow it."""
    answer = AnswerComposer()
    answer.add("step", "Turn it.", SPANS[:1], 1.0, number=19)
    answer.add("step", "Wait.", SPANS[:1], 1.0)
    assert "19. Turn it. [1]\n20. Wait. [1]" == answer.text


@pytest.mark.parametrize("depth", [1, 2, 8])
def test_an_item_is_no_deeper_than_the_items_above_it_allow(depth: int) -> None:
    """What the item above it has lost its support: Markdown would read the nested one as code."""
    answer = AnswerComposer()
    for text in ("one", "two"):
        answer.say(text, "item", depth=depth)
    assert "- one\n   - two" == answer.text
    assert [0, 1] == [block.depth for block in answer.blocks]


@pytest.mark.parametrize(("code", "fence"), [("x", "```"), ("```\nx\n```", "````"), ("a ````` b", "``````")])
def test_code_is_fenced_by_more_backticks_than_it_has(code: str, fence: str) -> None:
    """Its own fences, and what it has in square brackets, stay as they are; its numbers stand below it."""
    answer = AnswerComposer()
    answer.add("code", f"{code} items[7]", SPANS[:2], 1.0)
    answer.say("Behind it [7].")
    assert f"{fence}\n{code} items[7]\n{fence}\n[1][2]\n\nBehind it (7)." == answer.text
    assert ["code", "paragraph", "paragraph"] == [block.kind for block in parse_markdown(answer.text)]


def test_spans_keep_their_number() -> None:
    """Numbered in order of use, several to a block; the same span of an overlapping chunk is the same citation."""
    answer = AnswerComposer()
    first, second = evidence("The port is 8000."), evidence("The key goes in a header.", source="b.md")
    again = SourceSpan.of_evidence(evidence("The port is 8000."))
    spans = [SourceSpan.of_evidence(one) for one in (first, second)]
    answer.add("paragraph", "It is 8000.", spans[:1], 0.91239)
    answer.add("item", "The key is a header.", [spans[1], again, spans[1]], 1.0)
    answer.say("That is all.")
    assert "It is 8000. [1]\n\n- The key is a header. [2][1]\n\nThat is all." == answer.text
    assert [[1], [2, 1], []] == [block.citations for block in answer.blocks]
    assert [0.9124, 1.0, None] == [block.support for block in answer.blocks]
    assert [("a.md", 1), ("b.md", 2)] == [(citation.source, citation.id) for citation in answer.citations]
    assert (True, True, False) == (
        answer.cites("a.md", 0, 17), answer.touches("a.md", 16, 40), answer.cites("a.md", 0, 18),
    )  # fmt: skip
    assert not answer.touches("c.md", 0, 17)


def test_a_citation_says_where_its_quote_stands() -> None:
    """Byte for byte as in the source, line breaks and brackets included, with offsets, title and headings."""
    item = evidence_in(passage("First.", "It is\nwrapped [2].", title="Guide", heading="Guide > Use", at=100))[1]
    answer = AnswerComposer()
    answer.add("paragraph", "It is wrapped [2].", [SourceSpan.of_evidence(item)], 1.0)
    (citation,) = answer.citations
    assert "It is wrapped (2). [1]" == answer.text
    assert ("It is\nwrapped [2].", 107, 125) == (citation.quote, citation.start, citation.end)
    assert ("Guide", "Guide > Use", None, None) == (citation.title, citation.heading, citation.page, citation.date)
