"""A model's draft, read as blocks and claims."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.answering.draft import read_draft

PIECES = st.sampled_from(
    [
        "Oak is hard. ", "Pine is soft.", "\n", "\n\n", "# Head\n", "- an item\n", "  - nested [1]\n", "1. one step\n",
        "| a | b |\n", "|---|---|\n", "It has:\n", "```\n", "[2]", "Answer: ", "items[0]",
    ]
)  # fmt: skip


def read(text: str, *, complete: bool = True) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(block.kind, block.text, block.claims) for block in read_draft(text, complete=complete)]


def test_each_sentence_item_step_and_row_is_a_claim() -> None:
    """What only introduces others claims nothing."""
    text = (
        "## States\n\nIt has two. Both matter:\n\n- loading\n  1. weights\n- ready, and it answers.\n\n"
        "| Code | Meaning |\n|---|---|\n| 200 | fine |\n\n```\nmake run\n```\n"
    )
    assert [
        ("heading", "States", ()),
        ("paragraph", "It has two.", ("It has two.",)),
        ("paragraph", "Both matter:", ()),
        ("item", "loading", ("loading",)),
        ("step", "weights", ("weights",)),
        ("item", "ready, and it answers.", ("ready, and it answers.",)),
        ("header", "| Code | Meaning", ()),
        ("row", "| 200 | fine", ("| 200 | fine",)),
        ("code", "make run", ("make run",)),
    ] == read(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is 8000 [1]. It is old.[2] [3]", "It is 8000. It is old."),
        ("[1] It is 8000.", "It is 8000."),
        ("The key is items[0].", "The key is items[0]."),
        ("Answer: It is 8000.", "It is 8000."),
        ("### Respuesta: Es el 8000.", "Es el 8000."),
        ("The answer: 8000.", "The answer: 8000."),
    ],
)
def test_the_model_s_own_numbers_and_label_go(text: str, expected: str) -> None:
    """The citations are ours to write; an index in code is none."""
    ((_kind, said, _claims),) = read(text)
    assert expected == said


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Oak is hard. Pine is soft. Fir is", ["Oak is hard. Pine is soft."]),
        ("Oak is", []),
        ("These are:\n\n- oak\n- pine\n- fi", ["These are:", "oak", "pine"]),
        ("| Name | Size |\n|---|---|\n| oak | 1 |\n| pine | 2", ["| Name | Size", "| oak | 1"]),
        ("| Name | Size |\n|---|---|\n| oak | 1 |\n| pi", ["| Name | Size", "| oak | 1"]),
        ("1. Clone it.\n2. Run", ["Clone it."]),
        ("Run it:\n\n```\nmake\nmake ru", ["Run it:"]),
        ("", []),
    ],
)
def test_a_draft_that_was_cut_loses_what_it_was_cut_in(text: str, kept: list[str]) -> None:
    """The last sentence of a paragraph; the last item, step, row or sample."""
    assert kept == [said for _kind, said, _claims in read(text, complete=False)]


def test_what_is_said_twice_is_said_once() -> None:
    """However it is written, and in whichever block; a block of which nothing is left goes."""
    text = "Oak is hard. Pine is soft. **Oak** is hard!\n\n- pine is soft\n- fir is tall\n\nFir is tall. Oak burns."
    assert [
        ("paragraph", "Oak is hard. Pine is soft.", ("Oak is hard.", "Pine is soft.")),
        ("item", "fir is tall", ("fir is tall",)),
        ("paragraph", "Oak burns.", ("Oak burns.",)),
    ] == read(text)


@given(text=st.lists(PIECES | st.text(max_size=10), max_size=40).map("".join), complete=st.booleans())
def test_no_claim_is_made_twice_or_empty(text: str, complete: bool) -> None:
    """Whatever is drafted."""
    blocks = read_draft(text, complete=complete)
    claims = [claim for block in blocks for claim in block.claims]
    assert all(claim.strip() for claim in claims)
    assert len(set(claims)) == len(claims)
    assert all(block.introduces == (not block.claims) for block in blocks)
