"""What a model reads and an answer quotes: whole blocks around the hits, in a budget."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.answering.context_builder import ContextBuilder
from agent.store.chunks import Chunks
from tests.fakes.contexts import as_hits, chunks_of, context_of, count_words

WINE = """# Wine

Wine is made of grapes.

## Barrels

A cooper makes barrels. They are of these woods:

- oak from France
- oak from America, which gives
  more vanilla
- chestnut
- acacia

Barrels last five years.

### Sizes

| Name | Litres |
| --- | --- |
| barrique | 225 |
| puncheon | 500 |

## Cellar

The cellar is cold.
"""
LIST = WINE[WINE.index("They are of") : WINE.index("\n\nBarrels last")]
TABLE = WINE[WINE.index("| Name") : WINE.index("\n\n## Cellar")]
OIL = "# Oil\n\nOil is made of olives.\n\nIt is pressed cold.\n"


@pytest.fixture
def wine(tmp_path: Path) -> Chunks:
    return chunks_of(tmp_path, {"wine.md": WINE, "oil.md": OIL}, tokens=6, dates={"wine.md": "2026-11-24"})


def test_a_hit_in_a_list_brings_the_whole_list(wine: Chunks) -> None:
    """With its lead-in, although the chunk has one item of it; of a table, all rows under the header."""
    (passage,) = context_of(wine, "chestnut", budget=2 * count_words(LIST)).passages
    assert LIST in passage.text
    assert TABLE == context_of(wine, "puncheon").passages[0].text


def test_a_hit_grows_by_its_section(wine: Chunks) -> None:
    """By what follows and what comes before it, and never by what stands under another heading."""
    (passage,) = context_of(wine, "chestnut").passages
    assert WINE[WINE.index("A cooper") : WINE.index("\n\n### Sizes")] == passage.text
    assert TABLE == context_of(wine, "puncheon").passages[0].text


def test_what_follows_comes_before_what_stands_above(tmp_path: Path) -> None:
    """When there is room for one of them."""
    before, after = "Two words stand before it here.", "Two words stand behind it here."
    chunks = chunks_of(tmp_path, {"a.md": f"# A\n\n{before}\n\nThe hit.\n\n{after}\n"}, tokens=6)
    assert f"The hit.\n\n{after}" == context_of(chunks, "The hit", budget=8).passages[0].text


def test_hits_that_follow_each_other_are_one_passage(wine: Chunks) -> None:
    """With the headings between them; the rank and the score are the best hit's."""
    context = context_of(wine, "Oil is", "puncheon", "chestnut", "cellar is")
    oil, passage = context.passages
    assert ("oil.md", 0, 1.0) == (oil.source, oil.rank, oil.score)
    assert WINE[WINE.index("A cooper") : -1] == passage.text
    assert (1, 0.9) == (passage.rank, passage.score)
    assert "\n\n### Sizes\n\n" in passage.text
    assert "\n\n## Cellar\n\n" in passage.text
    assert ["paragraph", "list", "paragraph", "table", "paragraph"] == [block.kind for block in passage.blocks]


def test_hits_with_something_between_them_are_two_passages(wine: Chunks) -> None:
    """Each says where it stands: title, headings and date."""
    first, second = context_of(wine, "Wine is", "cellar is").passages
    assert ("Wine (2026-11-24)", "Wine is made of grapes.") == (first.head, first.text)
    assert ("Wine (2026-11-24) > Cellar", "The cellar is cold.") == (second.head, second.text)
    assert "Oil" == context_of(wine, "olives").passages[0].head


def test_the_best_hit_goes_in_whatever_it_takes(wine: Chunks) -> None:
    """And the next ones as long as they fit."""
    context = context_of(wine, "cellar is", "Oil is", "Wine is", budget=1)
    assert ["The cellar is cold."] == [passage.text for passage in context.passages]
    fitting = context_of(wine, "cellar is", "Oil is", "Wine is", budget=9)
    assert ["The cellar is cold.", "Oil is made of olives."] == [passage.text for passage in fitting.passages]


def test_a_block_that_is_too_large_is_cut_around_the_hit(tmp_path: Path) -> None:
    """Its lead-in, or its header row, stays with the part that was hit."""
    rows = "".join(f"| name{number} | value {number} |\n" for number in range(50))
    text = f"# Table\n\nThe values are:\n\n| Name | Value |\n| --- | --- |\n{rows}"
    chunks = chunks_of(tmp_path, {"a.md": text}, tokens=16)
    context = context_of(chunks, "| name40 |", budget=60)
    whole = "\n".join(passage.text for passage in context.passages)
    assert "The values are:\n\n| Name | Value |" in whole
    assert "| name40 | value 40 |" in whole
    assert context.tokens <= 60
    assert all(text[one.start : one.end] == one.text for one in context.passages)


def test_a_passage_has_each_sentence_once(tmp_path: Path) -> None:
    """Although overlapping chunks share some."""
    text = "# A\n\n" + " ".join(f"Sentence number {number} is here." for number in range(20)) + "\n"
    chunks = chunks_of(tmp_path, {"a.md": text}, tokens=20)
    (passage,) = context_of(chunks, "number 7 ").passages
    assert [f"Sentence number {number} is here." for number in range(20)] == [one.text for one in passage.sentences]


def test_without_hits_there_is_no_context(wine: Chunks) -> None:
    """Nothing is read, and nothing fails."""
    context = ContextBuilder(wine, count_words, 100).build([])
    assert ((), 0) == (context.passages, context.tokens)


PARTS = st.sampled_from(
    [
        "Oak is hard. Pine is soft.\n\n", "It has:\n\n", "- one item\n", "  - nested item\n", "1. a step\n",
        "| a | b |\n", "|---|---|\n", "# Head\n\n", "## Sub\n\n", "```\ncode here\n```\n\n", "What is it?\n\n",
        "Ärger mit Ümläuten 🙂 und mehr.\n\n", "word " * 30 + "\n\n", "\n",
    ]
)  # fmt: skip


@given(
    texts=st.lists(st.lists(PARTS, min_size=1, max_size=25).map("".join), min_size=1, max_size=3),
    budget=st.integers(1, 200),
    sizes=st.tuples(st.integers(4, 40), st.integers(0, 20)),
    data=st.data(),
)
def test_passages_are_parts_of_documents_within_the_budget(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], budget: int, sizes: tuple[int, int], data: st.DataObject
) -> None:
    """`text_of(source)[start:end] == text`, disjoint, best hit first, with every sentence in it; only the blocks of the
    best hit may be larger than the budget.
    """
    documents = {f"{number}.md": text for number, text in enumerate(texts)}
    chunks = chunks_of(tmp_path_factory.mktemp("store"), documents, tokens=sizes[0], overlap=sizes[1])
    everything = chunks.get(chunks.matching({}))
    chosen = data.draw(st.permutations(everything))[:6]
    context = ContextBuilder(chunks, count_words, budget).build(as_hits(chosen))
    assert bool(chosen) == bool(context.passages)
    ranks = [passage.rank for passage in context.passages]
    assert ranks == sorted(ranks)
    assert ranks[:1] == [0][: len(chosen)]
    words = 0
    for passage in context.passages:
        text = documents[passage.source]
        assert text[passage.start : passage.end] == passage.text == passage.text.strip() != ""
        for sentence in passage.sentences:
            assert text[sentence.start : sentence.end] == sentence.text
            assert passage.start <= sentence.start < sentence.end <= passage.end
        # Headings between the blocks of a passage count for nothing.
        for block in set(passage.blocks):
            words += count_words(text[max(block.start, passage.start) : min(block.end, passage.end)])
    best = chosen[0] if chosen else None
    first = [] if best is None else chunks.blocks(best.source, best.start, best.end)
    assert words <= max(budget, sum(count_words(documents[chosen[0].source][one.start : one.end]) for one in first))
    for source in documents:
        spans = sorted((one.start, one.end) for one in context.passages if one.source == source)
        assert all(one[1] <= two[0] for one, two in itertools.pairwise(spans))
    chunks.close()


def test_parts_of_one_block_that_meet_are_one_passage(tmp_path: Path) -> None:
    """Chunks of a long paragraph overlap, and none of it is read twice."""
    text = "# A\n\n" + " ".join(f"Sentence number {number} is here." for number in range(40)) + "\n"
    chunks = chunks_of(tmp_path, {"a.md": text}, tokens=20, overlap=10)
    context = context_of(chunks, "number 20 ", "number 23 ", "number 17 ", budget=90)
    (passage,) = context.passages
    assert (1, 0) == (passage.text.count("number 20 "), passage.rank)
    assert passage.text.startswith("Sentence number 1")
